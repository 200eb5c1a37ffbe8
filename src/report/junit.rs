//! JUnit XML for CI: one suite for the dream, one for the learnings, one for the criteria.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::{
    error::{Error, Result},
    report::page::{Case, CaseStatus, Report},
};

/// The document. It has no clock and no random id in it, and no character XML 1.0 forbids.
///
/// # Errors
///
/// A bug of ours where it cannot be written.
pub fn document(report: &Report) -> Result<String> {
    let mut document = Document::new(one_line(&format!("dreameval: {}", report.title)));
    let mut suite: Option<TestSuite> = None;
    for case in &report.cases {
        if suite
            .as_ref()
            .is_none_or(|it| it.name.as_str() != case.group)
        {
            let next = TestSuite::new(case.group.as_str());
            document.add_test_suites(suite.replace(next));
        }
        if let Some(suite) = &mut suite {
            suite.add_test_case(test_case(case, &report.title));
        }
    }
    document.add_test_suites(suite);
    document
        .to_string()
        .map_err(|error| Error::bug("the JUnit report could not be written").because(error))
}

fn test_case(case: &Case, title: &str) -> TestCase {
    let says = one_line(&case.says);
    let status = match case.status {
        CaseStatus::Passed => TestCaseStatus::success(),
        CaseStatus::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(says.as_str());
            status
        }
        CaseStatus::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(says.as_str());
            status.set_type("harm");
            status
        }
    };
    let mut written = TestCase::new(one_line(&case.name), status);
    written.set_classname(one_line(&format!("{title}.{}", case.group)));
    if case.status == CaseStatus::Passed {
        written.set_system_out(says.as_str());
    }
    written
}

/// Text without line breaks, so that no line of a log begins with text from outside.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::{Headline, Mood};

    #[test]
    fn harm_fails_and_what_is_not_kept_is_skipped_with_its_reason() {
        let cases = vec![
            case(
                "learnings",
                "a (p-1)",
                CaseStatus::Passed,
                "promote: effect +12 points",
            ),
            case(
                "learnings",
                "b <&> (p-2)",
                CaseStatus::Skipped,
                "hold: too few pairs",
            ),
            case(
                "criteria",
                "sent\u{1}\u{1b}[1m",
                CaseStatus::Failed,
                "a loss\n::error::x",
            ),
        ];
        assert_eq!(
            document(&report(cases)).expect("a document"),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="dreameval: desk" tests="3" skipped="1" failures="1" errors="0">
    <testsuite name="learnings" tests="2" skipped="1" errors="0" failures="0">
        <testcase name="a (p-1)" classname="desk.learnings">
            <system-out>promote: effect +12 points</system-out>
        </testcase>
        <testcase name="b &lt;&amp;&gt; (p-2)" classname="desk.learnings">
            <skipped message="hold: too few pairs"/>
        </testcase>
    </testsuite>
    <testsuite name="criteria" tests="1" skipped="0" errors="0" failures="1">
        <testcase name="sent" classname="desk.criteria">
            <failure message="a loss ::error::x" type="harm"/>
        </testcase>
    </testsuite>
</testsuites>
"#
        );
    }

    fn case(group: &str, name: &str, status: CaseStatus, says: &str) -> Case {
        Case {
            group: group.into(),
            name: name.into(),
            status,
            says: says.into(),
        }
    }

    fn report(cases: Vec<Case>) -> Report {
        Report {
            title: "desk".into(),
            about: String::new(),
            headline: Headline {
                mood: Mood::Good,
                word: "helps".into(),
                sentence: String::new(),
                more: vec![],
            },
            answers: vec![],
            sections: vec![],
            cases,
        }
    }
}
