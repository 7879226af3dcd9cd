//! Follows what a person types through the lines of a stack: whether the right answers are accepted, and which answer where the program
//! asks only once.

use super::bypasses::ServiceContext;
use super::{Handler, ModuleArguments, ModuleKind, Stack, is_pam_totp, module_name};
use pam_stack::return_code::{self, ReturnCode};
use pam_stack::walk;
use totp_core::module_arguments::FirstPass;

/// What is typed at a prompt, or passed from one module to the next (`PAM_AUTHTOK`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Password,
    Code,
    /// The password, and the code directly behind it.
    Both,
}

const ANSWERS: [Answer; 3] = [Answer::Password, Answer::Code, Answer::Both];

/// Modules besides pam_unix.so that ask for a password by themselves unless they are told to take one.
const ASK_FOR_A_PASSWORD: [&str; 6] =
    ["pam_sss.so", "pam_winbind.so", "pam_ldap.so", "pam_krb5.so", "pam_userdb.so", "pam_pwdfile.so"];

/// The answers with which a login can succeed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Some right answers are accepted, if each prompt can be answered by itself.
    pub(crate) at_each_prompt: bool,
    /// Those of which one is accepted at every prompt, where the program asks once and shows nothing that is typed: sshd's method
    /// `password` (`sshpam_passwd_conv` in auth-pam.c of OpenSSH).
    pub(crate) asked_once: Vec<Answer>,
}

impl Answers {
    /// A stack with too many paths may accept anything: `stack_too_large` says that it was not followed.
    pub(crate) fn of(stack: &Stack, context: &ServiceContext<'_>) -> Self {
        let opens = |once: Option<Answer>| {
            let typed = Typed { once, passed_on: None, has_given_code: false };
            let step = |handler: &Handler, typed: &Typed| typed.behind(handler, context);
            walk::can_succeed(&stack.handlers, typed, &step, &|typed| typed.has_given_code).unwrap_or(true)
        };
        Self {
            at_each_prompt: opens(None),
            asked_once: ANSWERS.into_iter().filter(|answer| opens(Some(*answer))).collect(),
        }
    }

    /// What this or the other accepts.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.at_each_prompt |= other.at_each_prompt;
        let more = other.asked_once.into_iter().filter(|answer| !self.asked_once.contains(answer));
        self.asked_once.extend(more.collect::<Vec<_>>());
        self
    }
}

/// What was typed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Typed {
    /// The answer to every prompt; `None`: a person answers each by itself.
    once: Option<Answer>,
    /// `PAM_AUTHTOK`.
    passed_on: Option<Answer>,
    /// pam_totp.so has accepted the code.
    has_given_code: bool,
}

impl Typed {
    /// What a line can return, and what is known behind it.
    fn behind(&self, handler: &Handler, context: &ServiceContext<'_>) -> Vec<(ReturnCode, Self)> {
        if is_pam_totp(handler) {
            return self.behind_pam_totp(handler);
        }
        let codes = walk::distinct(handler, context.return_codes(handler));
        if ModuleKind::of(handler) != ModuleKind::FirstFactor || !(context.is_installed)(&handler.module) {
            return codes.into_iter().map(|code| (code, *self)).collect();
        }
        let module = module_name(&handler.module);
        let (takes, asks) = match module {
            // It takes what was passed on with or without an argument, and then does not ask (pam_get_authtok(3)).
            "pam_unix.so" => (true, self.passed_on.is_none() && !has(handler, "use_first_pass")),
            _ if ASK_FOR_A_PASSWORD.contains(&module) => {
                let takes = has(handler, "use_first_pass") || has(handler, "try_first_pass");
                (takes, !has(handler, "use_first_pass"))
            }
            _ => return self.behind_unknown(handler, &codes),
        };
        let given = self.passed_on.filter(|_| takes);
        let prompted = if asks { self.prompted() } else { Vec::new() };
        let mut answers: Vec<Option<Answer>> = given.into_iter().chain(prompted).map(Some).collect();
        if answers.is_empty() {
            answers.push(None);
        }
        let behind = |answer: Option<Answer>| {
            let is_right = answer == Some(Answer::Password);
            // An account that only another module knows is refused here with the right password too.
            let possible = context.first_factor_return_codes(handler).into_iter();
            let possible = possible.filter(move |code| is_right || *code != return_code::SUCCESS);
            let possible = walk::distinct(handler, possible.collect());
            // Not every module passes on what it has asked for.
            let passed_on = if module == "pam_unix.so" { vec![answer] } else { vec![answer, self.passed_on] };
            let states = passed_on.into_iter().map(|passed_on| Self { passed_on, ..*self });
            states.flat_map(move |typed| possible.clone().into_iter().map(move |code| (code, typed)))
        };
        answers.into_iter().flat_map(behind).collect()
    }

    /// The code is right where it is read: what else the module returns is not followed.
    fn behind_pam_totp(&self, handler: &Handler) -> Vec<(ReturnCode, Self)> {
        // `bad_argument` says that such a line refuses.
        let Ok(arguments) = ModuleArguments::parse(&handler.arguments) else {
            return vec![(return_code::SUCCESS, Self { has_given_code: true, ..*self })];
        };
        let accepted = |answer: Answer| match (answer, arguments.forward_pass) {
            (Answer::Code, _) => Some(Self { has_given_code: true, ..*self }),
            (Answer::Both, true) => {
                Some(Self { has_given_code: true, passed_on: Some(Answer::Password), ..*self })
            }
            (Answer::Both, false) | (Answer::Password, _) => None,
        };
        let given = match arguments.first_pass {
            FirstPass::Ignore => None,
            FirstPass::Try | FirstPass::Use => self.passed_on.and_then(accepted),
        };
        let accepted: Vec<Self> = match (given, arguments.first_pass) {
            (Some(typed), _) => vec![typed],
            (None, FirstPass::Use) => Vec::new(),
            // A program that asks once does not show a prompt whose answer is shown.
            (None, FirstPass::Ignore | FirstPass::Try) if self.once.is_some() && arguments.echo => Vec::new(),
            (None, FirstPass::Ignore | FirstPass::Try) => {
                self.prompted().into_iter().filter_map(accepted).collect()
            }
        };
        if accepted.is_empty() {
            return vec![(return_code::AUTH_ERR, *self)];
        }
        accepted.into_iter().map(|typed| (return_code::SUCCESS, typed)).collect()
    }

    /// A module that is not known may accept anything, and pass it on.
    fn behind_unknown(&self, handler: &Handler, codes: &[ReturnCode]) -> Vec<(ReturnCode, Self)> {
        let takes = has(handler, "use_first_pass") || has(handler, "try_first_pass");
        let passed_on: Vec<Option<Answer>> = match self.passed_on {
            Some(answer) if takes => vec![Some(answer)],
            given => [given].into_iter().chain(self.prompted().into_iter().map(Some)).collect(),
        };
        let behind = |passed_on| codes.iter().map(move |code| (*code, Self { passed_on, ..*self }));
        passed_on.into_iter().flat_map(behind).collect()
    }

    fn prompted(&self) -> Vec<Answer> {
        self.once.map_or_else(|| ANSWERS.to_vec(), |answer| vec![answer])
    }
}

fn has(handler: &Handler, argument: &str) -> bool {
    handler.arguments.iter().any(|word| word == argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::stack::tests::stack;

    fn answers(text: &str) -> (bool, Vec<Answer>) {
        let context = ServiceContext { service: "app", may_ignore: false, is_installed: &|_| true };
        let Answers { at_each_prompt, asked_once } = Answers::of(&stack(&[("app", text)]), &context);
        (at_each_prompt, asked_once)
    }

    const DEBIAN: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n";

    #[test]
    fn a_program_that_asks_once_is_answered_with_what_the_lines_want() {
        use Answer::{Both, Code};
        for (text, each, once) in [
            (format!("{DEBIAN}auth required pam_totp.so"), true, vec![]),
            (format!("{DEBIAN}auth required pam_totp.so try_first_pass"), true, vec![]),
            (format!("{DEBIAN}auth required pam_totp.so try_first_pass forward_pass"), true, vec![]),
            (format!("{DEBIAN}auth required pam_totp.so use_first_pass"), false, vec![]),
            ("auth required pam_totp.so".to_owned(), true, vec![Code]),
            ("auth required pam_totp.so echo".to_owned(), true, vec![]),
            ("auth required pam_totp.so use_first_pass".to_owned(), false, vec![]),
            (format!("auth required pam_totp.so forward_pass\n{DEBIAN}"), true, vec![Both]),
            (
                "auth required pam_totp.so forward_pass\nauth required pam_unix.so use_first_pass".to_owned(),
                true,
                vec![Both],
            ),
            ("auth required pam_totp.so\nauth required pam_unix.so use_first_pass".to_owned(), false, vec![]),
            (
                "auth optional pam_unix.so\nauth required pam_totp.so use_first_pass forward_pass\nauth required pam_unix.so use_first_pass".to_owned(),
                true,
                vec![Both],
            ),
            ("auth optional pam_unix.so\nauth required pam_totp.so use_first_pass".to_owned(), true, vec![Code]),
            ("auth required pam_sss.so\nauth required pam_totp.so".to_owned(), true, vec![]),
            (
                "auth sufficient pam_unix.so\nauth sufficient pam_sss.so use_first_pass\nauth requisite pam_deny.so\nauth required pam_totp.so".to_owned(),
                false,
                vec![],
            ),
            (
                "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so use_first_pass\nauth requisite pam_deny.so\nauth required pam_totp.so".to_owned(),
                true,
                vec![],
            ),
            (
                "auth required pam_totp.so forward_pass\nauth required pam_sss.so use_first_pass".to_owned(),
                true,
                vec![Both],
            ),
        ] {
            assert_eq!(answers(&text), (each, once), "{text}");
        }
    }

    #[test]
    fn a_module_that_is_not_known_is_not_called_a_mistake() {
        for text in [
            "auth required pam_fingerprint.so\nauth required pam_totp.so",
            "auth sufficient pam_sss.so use_first_pass\nauth required pam_totp.so",
        ] {
            assert_eq!(answers(text), (true, vec![Answer::Code]), "{text}");
        }
    }
}
