//! The wordings of instructions to the model, as patterns over folded text (lowercase, single spaces, no emphasis).

/// Said where rules are set aside.
pub(super) const ASIDE: &str = "it tells the model to set its instructions aside";
/// Said where people are kept in the dark.
pub(super) const QUIET: &str = "it tells the model to keep something from people";
/// Said where the model is given another person.
pub(super) const PERSONA: &str = "it tells the model who to be";
/// Said where something leaves for an address.
pub(super) const AWAY: &str = "it tells the model to send something to an address";
/// Said where a check is switched off.
pub(super) const CHECKS: &str = "it switches a check off";
/// Said where rights are widened.
pub(super) const RIGHTS: &str = "it widens what the agent may do";
/// Said where a text spreads itself.
pub(super) const SPREAD: &str = "it asks to be copied elsewhere or kept";

/// What turns to the model, wherever it stands.
pub(super) const TURNS: [(&str, &str); 22] = [
    (
        r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget|overrid(?:e|ing)|bypass|discard|set aside|pay no attention to|(?:do not|don't|stop) (?:follow|obey)(?:ing)?) (?:[^ .,;:!?]+ ){0,3}?(?:previous|prior|above|earlier|preceding|foregoing|former|original|initial|system|developer|safety|user's|your|all|any|other|these|those) (?:[^ .,;:!?]+ ){0,3}?(?:instructions?|prompts?|rules|guidelines?|directions|guardrails?|constraints?|policies|training|guidance|directives)\b",
        ASIDE,
    ),
    (
        r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your )?(?:previous|prior|earlier|preceding) (?:messages|context|conversation|commands)\b|\b(?:previous|prior|earlier|your|system|safety) (?:instructions|rules|guidelines|policies) (?:no longer|do not|don't) apply\b",
        ASIDE,
    ),
    (
        r"\b(?:ignore|disregard|forget) (?:all |everything |anything |whatever )?(?:of )?(?:the |that (?:is|was|came) |you (?:were|are|have been) )?(?:above|foregoing|preceding|told(?: before)?|said before|before(?: this)?)(?: and\b| instead\b| text\b| message\b|[.,;:!]| ?$)",
        ASIDE,
    ),
    (
        r"\b(?:ignore|disregard|override) (?:what )?(?:the )?(?:user|operator|developer|human)(?:'s)? (?:requests?|instructions?|wish(?:es)?|questions?|says?|said|asks|asked|wants?|preferences?)\b",
        ASIDE,
    ),
    (
        r"\b(?:do not|don't|never|without) (?:ever )?(?:tell|inform|mention|reveal|disclos|alert|notify|report|warn)(?:e|ing)? (?:[^ .,;:!?]+ ){0,4}?(?:users?|operators?|humans?|developers?|reviewers?|auditors?|supervisors?|administrators?)\b",
        QUIET,
    ),
    (
        r"\b(?:do not|don't|never) (?:ever )?(?:tell|mention|reveal|disclose) (?:this |it |that |these )?(?:[^ .,;:!?]+ ){0,3}?(?:to )?(?:anyone|anybody)\b",
        QUIET,
    ),
    (
        r"\b(?:(?:do not|don't|never) let (?:the |your |any )?(?:users?|operators?|humans?|developers?|reviewers?|auditors?|supervisors?) (?:know|see|notice|find out)|(?:users?|operators?|humans?|reviewers?|auditors?|supervisors?) (?:must|should|may) (?:not|never) (?:know|see|notice|learn|find out|be told)|(?:do not|don't|never) (?:log|record) (?:this|it)\b)",
        QUIET,
    ),
    (
        r"\b(?:do not|don't|never) (?:ever )?(?:mention|reveal|disclose|quote|show) this (?:note|rule|line|memory|instruction|playbook|text|message)\b",
        QUIET,
    ),
    (
        r"\b(?:keep (?:this|it|these [a-z]+) (?:a )?(?:secret|hidden|quiet|between us)|(?:hide|conceal) (?:this|it|these [a-z]+|the [a-z]+) from (?:the |your )?(?:users?|operators?|humans?|developers?|reviewers?|auditors?|supervisors?)|say nothing (?:about|of) (?:this|it))\b",
        QUIET,
    ),
    (
        r"\b(?:from now on,? you (?:are|will|must|shall)|pretend (?:to be|you are|that you)|you (?:must|will|shall) obey|your (?:new|real|true) (?:task|goal|role|purpose|identity|instructions?|objective))\b",
        PERSONA,
    ),
    (
        r"\bact as (?:if you (?:are|were)|an? (?:unrestricted|unfiltered|uncensored|different|root|admin[a-z]*)|dan|root|admin[a-z]*)\b",
        PERSONA,
    ),
    (
        r"\byou are (?:now )?(?:in (?:[a-z]+ )?mode\b|an? (?:[a-z]+ ){0,3}?(?:assistant|ai|language model|chatbot|agent)\b)",
        PERSONA,
    ),
    (
        r"\b(?:jailbreak|dan mode|god mode|unrestricted mode|as an ai (?:model|assistant|language)|new (?:system )?(?:instructions?|prompt|persona)\s?:)",
        PERSONA,
    ),
    (
        r"\b(?:system prompt|developer prompt|(?:reveal|print|repeat|show|output) your (?:initial |original |hidden )?(?:instructions?|prompt))\b",
        "it speaks of the model's own prompt",
    ),
    (
        r"!\[[^\]]*\]\(https?://[^)\s]*\?[^)\s]*=[^)\s]*(?:\{|\$|%7b|<)",
        "an image whose address carries data away",
    ),
    (
        r"\bcurl\b[^\n]*\s(?:-d|--data[a-z-]*|-f|--form|-t|--upload-file)\b[^\n]*https?://",
        AWAY,
    ),
    (
        r"\bexfiltrat|\b(?:make|issue|send) (?:[^ .,;:!?]+ ){0,3}?requests? to ?[<(\[]?https?://",
        AWAY,
    ),
    (
        r"\b(?:ignore|disregard) (?:what )?(?:the |our |your )?(?:handbook|polic(?:y|ies))\b|\b(?:never|do not|don't|no need to) (?:ask|wait|seek|request)(?: for)? (?:any |the |an? )?(?:approval|permission|confirmation|consent|sign-?off|authori[sz]ation)\b|\b(?:do not|don't|never) (?:run|perform|wait for) (?:the |any )?(?:verification|validation|approval|(?:policy|safety|security) checks?)\b",
        CHECKS,
    ),
    (
        r"--no-verify\b|\bverify\s?=\s?false\b|\s--insecure\b|\s--skip-(?:checks?|tests?|verif[a-z]+|validation)\b|--dangerously[a-z-]*|\s--privileged\b",
        CHECKS,
    ),
    (
        r"\b(?:tell|instruct|teach|make) (?:the )?(?:all|every|other|future) (?:[^ .,;:!?]+ )?(?:agents?|sessions?|dreams?|models?)\b",
        SPREAD,
    ),
    (
        r"\b(?:never|do not|don't) (?:delete|remove|drop|edit|change|forget|overwrite) this (?:line|note|rule|memory|playbook|instruction|entry|learning|text)\b",
        SPREAD,
    ),
    (
        r"\b(?:all|every) future (?:dreams?|sessions?|memor(?:y|ies)|agents?) (?:must|should|shall|will|has to|have to)\b",
        SPREAD,
    ),
];

/// What is an instruction only where nothing before it says not to.
pub(super) const DEEDS: [(&str, &str); 11] = [
    (
        r"\b(?:send|post|upload|forward|transmit|exfiltrate|e-?mail|mail|copy|push|submit|report|leak|share|deliver|export|write|cc|bcc)(?:s|ing)? (?:[^.!?\n]|[.!?]\S){0,160}?\b(?:to|at|via|into|with)\b ?:? ?[<(\[\x22']{0,2}(?:https?://|ftp://|www\.|[\p{L}\d.+-]+@[\p{L}\d-]+\.[\p{L}\d.-]+|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|[\p{L}\d-]+(?:\.[\p{L}\d-]+)*\.(?:com|net|org|io|dev|app|xyz|info|biz|ru|cn|site|online|top|example|test)\b)",
        AWAY,
    ),
    (
        r"\b(?:send|e-?mail|mail|forward|cc|bcc)(?:ing)? [<(]?[\p{L}\d.+-]+@[\p{L}\d-]+\.[\p{L}\d.-]+",
        AWAY,
    ),
    (
        r"\b(?:approve|accept|sign|release|pay|file|send|publish|submit|close)(?: [^ .,;:!?]+){0,3}? without (?:any )?(?:checking|verifying|validating|verification|validation|review|reviewing|approval|asking|confirmation)\b",
        CHECKS,
    ),
    (
        r"\b(?:disabl|skip|bypass|deactivat|circumvent|evad|overrid|waiv|suppress)(?:e|es|ing|ping)? ((?:[^ .,;:!?]+ ){0,3}?)(?:[^ .,;:!?]+-)?(?:checks?|verifications?|validations?|guards?|guardrails?|polic(?:y|ies)|approvals?|safety|safeguards?|authentication|authori[sz]ation|two-factor|2fa|mfa|security|sign-?offs?|compliance|reviews?|logging|audits?|auditing|monitoring|sandbox(?:ing)?)\b",
        CHECKS,
    ),
    (
        r"\b(?:turn|switch)(?:ing)? off ((?:[^ .,;:!?]+ ){0,3}?)(?:[^ .,;:!?]+-)?(?:checks?|verifications?|validations?|guards?|guardrails?|polic(?:y|ies)|approvals?|safety|safeguards?|authentication|authori[sz]ation|2fa|mfa|security|logging|audits?|auditing|monitoring|sandbox(?:ing)?)\b",
        CHECKS,
    ),
    (
        r"\b(?:turn|switch)(?:ing)? ((?:[^ .,;:!?]+ ){0,3}?)(?:checks?|verifications?|validations?|guards?|guardrails?|polic(?:y|ies)|approvals?|safeguards?|logging|audits?|auditing|monitoring) off\b",
        CHECKS,
    ),
    (
        r"\bsudo\b|\bchmod (?:-[a-z]+ )?(?:0?777|a\+rwx|\+s|u\+s)\b",
        RIGHTS,
    ),
    (
        r"\b(?:run|execute|log ?in|sign in|login|start|work|act|operate|continue)(?: [^ .,;:!?]+){0,4}? as (?:the |an? )?(?:root|admin|administrator|superuser|system user)\b",
        RIGHTS,
    ),
    (
        r"\b(?:grant|give|assign)(?: [^ .,;:!?]+){0,6}? (?:(?:admin|administrator|root|superuser|sudo|owner)(?: [a-z]+)?|(?:full|unrestricted|elevated) (?:access|rights|privileges|permissions|control))\b",
        RIGHTS,
    ),
    (
        r"\b(?:use|using|with|assume|obtain|gain|request) (?:[^ .,;:!?]+ )?(?:root|admin|administrator|superuser|elevated) (?:privileges?|rights|access|permissions?|credentials|account)\b|\b(?:escalat|elevat|widen|rais)(?:e|ing)? (?:[^ .,;:!?]+ ){0,2}?(?:privileges?|permissions?|access rights)\b",
        RIGHTS,
    ),
    (
        r"\b(?:copy|paste|add|append|insert|write|put|repeat|include|replicate|propagate|spread|duplicate|reproduce|keep|carry|save|store)(?:ing)? (?:(?:this|these|the following|that) (?:[^ .,;:!?]+ )?(?:lines?|notes?|rules?|sentences?|paragraphs?|instructions?|playbooks?|learnings?|memor(?:y|ies)|words)\b[^.!?]{0,40}?\b(?:every|each|all|any|other|future|when(?:ever)? you)\b|(?:this|these|it|yourself|itself|the following)(?: text| message| section| block| over)? (?:in ?to|to|in|on|across|at the [a-z]+ of) (?:the )?(?:every|each|all|any|other|future) (?:[^ .,;:!?]+ ){0,3}?(?:notes?|memor(?:y|ies)|files?|playbooks?|skills?|stores?|learnings?|sessions?|prompts?|agents?|transcripts?|repositor(?:y|ies)|repos?|repl(?:y|ies)|responses?)\b)",
        SPREAD,
    ),
];

/// Tags and marks by which chats tell who speaks, which no note has.
pub(super) const ROLES: &str = r"(?im)<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|</(?:system|assistant|user|human|instructions?|system-reminder|tool_result|tool_use|function_calls?|function_results?)>|^\s*<(?:system|assistant|system-reminder|tool_result|function_results?)>|^[ \t>*+-]*#{2,4}\s*(?:system|instructions?|assistant|human)\s*:|^[ \t>*+-]*(?:(?:human|assistant)|(?-i:SYSTEM))\s*:";
