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
    let mut document = Document::new(format!("dreameval: {}", report.title));
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
    let status = match case.status {
        CaseStatus::Passed => TestCaseStatus::success(),
        CaseStatus::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(case.says.as_str());
            status
        }
        CaseStatus::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(case.says.as_str());
            status.set_type("harm");
            status
        }
    };
    let mut written = TestCase::new(case.name.as_str(), status);
    written.set_classname(format!("{title}.{}", case.group));
    if case.status == CaseStatus::Passed {
        written.set_system_out(case.says.as_str());
    }
    written
}
