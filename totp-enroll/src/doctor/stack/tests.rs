//! Stacks, and what `doctor` finds in them.

use super::answers::Answers;
use super::bypasses::{self, ServiceContext, WastedBy};
use super::{ServiceFiles, Stack, load};
use pam_stack::Libpam;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct InMemoryFiles(BTreeMap<PathBuf, String>, Libpam);

impl ServiceFiles for InMemoryFiles {
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.as_bytes().to_owned())
    }

    fn libpam(&self) -> Libpam {
        self.1
    }
}

fn written(files: &[(&str, &str)]) -> InMemoryFiles {
    let in_etc = |name: &str| Path::new("/etc/pam.d").join(name);
    InMemoryFiles(
        files.iter().map(|(name, text)| (in_etc(name), (*text).to_owned())).collect(),
        Libpam::DEBIAN_13,
    )
}

pub(super) fn stack(files: &[(&str, &str)]) -> Stack {
    load(&written(files), "app").unwrap()
}

/// `name: what` of each finding in one file.
fn found(text: &str) -> Vec<String> {
    found_in(&[("app", text)], false)
}

fn found_in(files: &[(&str, &str)], may_ignore: bool) -> Vec<String> {
    let context =
        ServiceContext { service: "app", may_ignore, is_installed: &|module| !module.contains("missing") };
    let findings = bypasses::without_code(&stack(files), &context);
    findings.into_iter().map(|finding| format!("{}: {}", finding.name, finding.what)).collect()
}

#[test]
fn a_required_line_after_a_password_cannot_be_bypassed() {
    for above in ["required", "requisite", "optional", "success=ok default=bad", "success=1 default=die"] {
        let above = if above.contains('=') { format!("[{above}]") } else { above.to_owned() };
        let permit = if above.contains('1') { "auth requisite pam_deny.so\n" } else { "" };
        let text = format!("auth {above} pam_unix.so\n{permit}auth required pam_totp.so\n");
        assert_eq!(found(&text), [""; 0], "{text}");
    }
}

#[test]
fn the_shipped_profile_cannot_be_bypassed() {
    let text = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n\
        auth [success=ok default=bad] pam_totp.so after_first_factor\nauth optional pam_cap.so\n";
    assert_eq!(found(text), [""; 0]);
}

#[test]
fn the_line_that_ends_the_stack_is_named() {
    let text = "# comment\n\nauth sufficient pam_unix.so\nauth required pam_totp.so\n";
    assert_eq!(
        found(text),
        [
            "code_skipped: line 3 of /etc/pam.d/app: pam_unix.so `sufficient` ends the stack before pam_totp.so is reached when it returns success"
        ]
    );
}

#[test]
fn the_line_that_jumps_is_named() {
    let text = "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_totp.so\nauth required pam_permit.so\n";
    let found = found(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("line 1 of") && found[0].contains("jumps over 2 lines"), "{found:?}");
}

#[test]
fn a_jump_past_the_end_refuses() {
    let text = "auth required pam_permit.so\nauth [success=2 default=ignore] pam_unix.so\nauth required pam_totp.so\n";
    assert_eq!(found(text), [""; 0]);
}

#[test]
fn the_return_code_of_pam_totp_has_to_count() {
    for control in ["optional", "sufficient", "[default=ignore]", "[success=ok maxtries=ignore default=bad]"]
    {
        let text = format!("auth required pam_unix.so\nauth {control} pam_totp.so\n");
        let found = found(&text);
        assert_eq!(found.len(), 1, "{control}: {found:?}");
        assert!(found[0].starts_with("code_not_counted: line 2"), "{found:?}");
    }
}

#[test]
fn sufficient_is_enough_where_a_refusal_follows() {
    assert_eq!(found("auth sufficient pam_totp.so\nauth required pam_deny.so\n"), [""; 0]);
}

#[test]
fn sufficient_in_a_substack_ends_only_the_substack() {
    let inner = "auth sufficient pam_unix.so\nauth required pam_deny.so\n";
    let outer = |how: &str| format!("auth {how} inner\nauth required pam_totp.so\n");
    assert_eq!(found_in(&[("app", &outer("substack")), ("inner", inner)], false), [""; 0]);
    for how in ["include", "Include"] {
        let found = found_in(&[("app", &outer(how)), ("inner", inner)], false);
        assert_eq!(found.len(), 1, "{how}");
        assert!(found[0].contains("line 1 of /etc/pam.d/inner"), "{found:?}");
    }
    let found = found_in(&[("app", "@include inner\nauth required pam_totp.so\n"), ("inner", inner)], false);
    assert_eq!(found.len(), 1);
}

#[test]
fn pam_totp_in_a_substack_can_be_jumped_over_with_it() {
    let service =
        "auth [success=1 default=ignore] pam_unix.so\nauth substack inner\nauth required pam_permit.so\n";
    let found = found_in(
        &[("app", service), ("inner", "auth required pam_unix.so\nauth required pam_totp.so\n")],
        false,
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("jumps over the next line"), "{found:?}");
}

#[test]
fn a_reset_discards_the_result_of_pam_totp() {
    let text = "auth required pam_totp.so\nauth [default=reset] pam_unix.so\nauth required pam_permit.so\n";
    assert!(found(text)[0].starts_with("code_not_counted"), "{:?}", found(text));
}

#[test]
fn nullok_lets_users_in_where_another_module_accepts() {
    let text = "auth required pam_totp.so nullok\nauth required pam_permit.so\n";
    assert_eq!(found(text), [""; 0]);
    let found = found_in(&[("app", text)], true);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("code_ignored"), "{found:?}");
    assert_eq!(found_in(&[("app", "auth required pam_totp.so nullok\n")], true), [""; 0]);
}

#[test]
fn an_unreadable_line_counts_as_a_failure() {
    for text in [
        "atuh sufficient pam_unix.so\nauth required pam_totp.so\n",
        "auth suficient pam_unix.so\nauth required pam_totp.so\n",
        "auth sufficient\nauth required pam_totp.so\n",
        "auth sufficient pam_missing.so\nauth required pam_totp.so\n",
        "auth include nowhere\nauth required pam_totp.so\n",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn a_service_without_auth_lines_uses_those_of_other() {
    let stack =
        stack(&[("app", "account required pam_permit.so\n"), ("other", "auth required pam_totp.so\n")]);
    assert!(stack.is_other);
    assert_eq!(super::pam_totp_lines(&stack).count(), 1);
    let missing = load(&written(&[("other", "auth required pam_deny.so\n")]), "app").unwrap();
    assert!(missing.is_other && super::pam_totp_lines(&missing).count() == 0);
}

#[test]
fn stacks_of_other_distributions_with_pam_totp_added_have_no_findings() {
    let fedora = "auth required pam_env.so\nauth required pam_faildelay.so delay=2000000\n\
        auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
        auth [default=1 ignore=ignore success=ok] pam_localuser.so\nauth sufficient pam_unix.so nullok\n\
        auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
        auth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n";
    let arch = "auth required pam_faillock.so preauth\n-auth [success=2 default=ignore] pam_systemd_home.so\n\
        auth [success=1 default=bad] pam_unix.so try_first_pass nullok\nauth [default=die] pam_faillock.so authfail\n\
        auth optional pam_permit.so\nauth required pam_env.so\nauth required pam_faillock.so authsucc\n";
    let ubuntu = "auth [success=3 default=ignore] pam_fprintd.so max-tries=1\n\
        auth [success=2 default=ignore] pam_unix.so nullok try_first_pass\n\
        auth [success=1 default=ignore] pam_sss.so use_first_pass\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    for (inner, how) in [(fedora, "substack"), (arch, "include"), (arch, "substack"), (ubuntu, "include")] {
        let service = format!("auth {how} inner\nauth required pam_totp.so\nauth include after\n");
        let files = [("app", service.as_str()), ("inner", inner), ("after", "auth optional pam_cap.so\n")];
        assert_eq!(found_in(&files, false), [""; 0], "{inner}");
        let context = ServiceContext { service: "app", may_ignore: false, is_installed: &|_| true };
        assert!(!bypasses::without_first_factor(&stack(&files), &context), "{inner}");
    }
    let included = [("app", "auth include inner\nauth required pam_totp.so\n"), ("inner", fedora)];
    let found = found_in(&included, false);
    assert_eq!(found.len(), 2, "each `sufficient` of an include ends the whole stack: {found:?}");
}

proptest! {
    #[test]
    fn no_text_makes_the_search_panic(text in "(-?auth|@include|account|[a-z]*| |\t|\\\\\n|\n|#|\\[|\\]|=|[0-9]|success|default|done|ok|die|reset|required|sufficient|substack|include|app|inner|pam_totp\\.so|pam_unix\\.so|\\PC){0,80}") {
        let files = written(&[("app", text.as_str()), ("inner", text.as_str())]);
        if let Ok(stack) = load(&files, "app") {
            let context = ServiceContext { service: "app", may_ignore: true, is_installed: &|_| true };
            let _ = bypasses::without_code(&stack, &context);
            let _ = bypasses::without_any_factor(&stack, &context);
        }
    }
}

#[test]
fn a_code_alone_is_one_factor() {
    let alone = |text: &str| {
        let context = ServiceContext {
            service: "app",
            may_ignore: false,
            is_installed: &|module| !module.contains("missing"),
        };
        bypasses::without_first_factor(&stack(&[("app", text)]), &context)
    };
    assert!(alone("auth required pam_totp.so\n"));
    assert!(alone("auth sufficient pam_totp.so\nauth required pam_unix.so\n"));
    assert!(!alone("auth required pam_unix.so\nauth required pam_totp.so\n"));
    assert!(!alone("auth required pam_totp.so\nauth required pam_unix.so\n"));
}

#[test]
fn a_stack_that_refuses_even_the_right_code_is_found() {
    let nobody = |text: &str| {
        let context = ServiceContext {
            service: "app",
            may_ignore: false,
            is_installed: &|module| !module.contains("missing"),
        };
        !Answers::of(&stack(&[("app", text)]), &context).at_each_prompt
    };
    let debian = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    let without_a_password = "auth requisite pam_deny.so\nauth required pam_permit.so\n";
    let code = "auth required pam_totp.so\n";
    assert!(!nobody(&format!("{debian}{code}")));
    assert!(nobody(&format!("{without_a_password}{code}")), "pam_unix was taken out");
    assert!(nobody(&format!("{code}{without_a_password}")));
    assert!(nobody(&format!("auth required pam_missing.so\n{code}")));
    assert!(nobody(&format!("{code}atuh required pam_permit.so\n")));
    assert!(nobody("auth sufficient pam_permit.so\nauth required pam_totp.so\n"));
    assert!(nobody("auth optional pam_totp.so\nauth required pam_deny.so\n"));
    for open in ["required", "requisite", "sufficient", "optional", "[success=1 default=bad]"] {
        let text =
            format!("auth {open} pam_totp.so\nauth sufficient pam_unix.so\nauth optional pam_permit.so\n");
        assert!(!nobody(&text), "{open}");
    }
}

#[test]
fn a_stack_that_refuses_users_whom_pam_totp_ignores_is_found() {
    let refuses = |text: &str, may_ignore: bool| {
        let context = ServiceContext { service: "app", may_ignore, is_installed: &|_| true };
        bypasses::refuses_users_whom_pam_totp_ignores(&stack(&[("app", text)]), &context)
    };
    let alone = "auth required pam_totp.so nullok\n";
    assert!(refuses(alone, true));
    assert!(!refuses(alone, false), "pam_totp.so does not return PAM_IGNORE");
    assert!(!refuses(&format!("{alone}auth required pam_permit.so\n"), true));
    assert!(!refuses(&format!("auth required pam_unix.so\n{alone}"), true));
    assert!(refuses(&format!("auth optional pam_faildelay.so\n{alone}auth required pam_deny.so\n"), true));
    assert!(refuses(
        "auth [success=ok ignore=bad default=bad] pam_totp.so\nauth required pam_permit.so\n",
        true
    ));
}

#[test]
fn asking_for_a_first_factor_is_not_enough_it_has_to_be_passed() {
    let claims = |text: &str| {
        let context = ServiceContext {
            service: "app",
            may_ignore: false,
            is_installed: &|module| !module.contains("missing"),
        };
        let arguments = |handler: &super::Handler| super::ModuleArguments::parse(&handler.arguments).ok();
        bypasses::claims_without_first_factor(&stack(&[("app", text)]), &arguments, &context).len()
    };
    assert_eq!(claims("auth requisite pam_unix.so\nauth required pam_totp.so after_first_factor\n"), 0);
    assert_eq!(claims("auth required pam_unix.so\nauth required pam_totp.so after_first_factor\n"), 1);
    assert_eq!(claims("auth required pam_totp.so after_first_factor\n"), 1);
    assert_eq!(claims("auth required pam_totp.so\n"), 0);
}

/// The locations of the lines that waste a code.
fn wasted(text: &str) -> Vec<(String, WastedBy)> {
    let context = ServiceContext { service: "app", may_ignore: true, is_installed: &|_| true };
    let stack = stack(&[("app", text)]);
    let lines = bypasses::lines_that_waste_a_code(&stack, &context).into_iter();
    lines.map(|(handler, by)| (handler.location.to_string(), by)).collect()
}

#[test]
fn a_line_that_refuses_and_goes_on_wastes_a_code() {
    let line = |number: usize| format!("line {number} of /etc/pam.d/app");
    for (above, expected) in [
        ("auth required pam_faillock.so preauth silent", (line(1), WastedBy::Lock)),
        ("auth [success=ok default=bad] pam_faillock.so preauth", (line(1), WastedBy::Lock)),
        ("auth [default=ok] pam_tally2.so", (line(1), WastedBy::Lock)),
        ("auth requisite pam_unix.so\nauth required pam_faillock.so authsucc", (line(2), WastedBy::Lock)),
        ("auth required pam_unix.so", (line(1), WastedBy::FirstFactor)),
        ("auth required pam_u2f.so", (line(1), WastedBy::FirstFactor)),
        (
            "auth [success=1 default=ignore] pam_unix.so\nauth required pam_deny.so",
            (line(2), WastedBy::FirstFactor),
        ),
        ("auth required pam_access.so", (line(1), WastedBy::Rule)),
        ("auth required pam_time.so", (line(1), WastedBy::Rule)),
    ] {
        assert_eq!(wasted(&format!("{above}\nauth required pam_totp.so\n")), [expected], "{above}");
    }
}

#[test]
fn a_line_that_ends_the_login_wastes_no_code() {
    let debian = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so";
    for above in [
        "auth requisite pam_faillock.so preauth silent",
        "auth requisite pam_faillock.so preauth\nauth [success=1 default=ignore] pam_unix.so\nauth [default=die] pam_faillock.so authfail",
        "auth requisite pam_unix.so",
        "auth [success=ok default=die] pam_sss.so",
        debian,
        // Debian's files for login, chsh, gdm-password and ppp.
        &format!("auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n{debian}"),
        &format!("auth required pam_shells.so\nauth sufficient pam_rootok.so\n{debian}"),
        &format!("auth required pam_succeed_if.so user != root quiet_success\n{debian}"),
        &format!("auth required pam_nologin.so\n{debian}"),
    ] {
        assert_eq!(wasted(&format!("{above}\nauth required pam_totp.so\n")), [], "{above}");
    }
}

/// The end of a substack is not the end of the stack.
#[test]
fn what_ends_only_a_substack_wastes_a_code() {
    let inner = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    let wasted = |how: &str| {
        let service = format!("auth {how} inner\nauth required pam_totp.so\n");
        let stack = stack(&[("app", &service), ("inner", inner)]);
        let context = ServiceContext { service: "app", may_ignore: false, is_installed: &|_| true };
        bypasses::lines_that_waste_a_code(&stack, &context).len()
    };
    assert_eq!(["substack", "include"].map(wasted), [1, 0]);
}

#[test]
fn a_password_below_the_code_wastes_none() {
    assert_eq!(
        wasted("auth required pam_totp.so forward_pass\nauth required pam_unix.so try_first_pass\n"),
        []
    );
}
