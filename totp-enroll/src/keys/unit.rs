//! Warns when the keyring is sealed but pam-totp-keyring.service would not open it at boot: the unit is written for the default
//! paths and has to be enabled.

use crate::output;
use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::config::{Config, Paths};
use totp_host::settings::KeyringFiles;

const UNIT: &str = "pam-totp-keyring.service";
/// Exists if systemd runs (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// Prints what the unit lacks.
pub(super) fn remark_on(paths: &Paths) {
    if let Some(lines) = Config::defaults().ok().and_then(|by_default| drop_in(paths, &by_default.paths)) {
        output::remark(&format!(
            "{UNIT} does not know the paths in your config and will not open the keyring when the machine starts; run \"systemctl edit {UNIT}\" \
             and add these lines (and your --config to ExecStart=, if you use one):"
        ));
        lines.iter().for_each(|line| output::remark(&format!("    {line}")));
    }
    if Path::new(SYSTEMD).exists() && !is_enabled() {
        output::remark(&format!(
            "{UNIT} is not enabled: after a restart every enrolled user would be refused; run \"systemctl enable {UNIT}\""
        ));
    }
}

/// The lines of a drop-in for other paths than the default ones; `None`: none are needed.
fn drop_in(paths: &Paths, by_default: &Paths) -> Option<Vec<String>> {
    let is_same = paths.keyring == by_default.keyring
        && paths.runtime == by_default.runtime
        && paths.state == by_default.state;
    if is_same {
        return None;
    }
    let sealed = KeyringFiles::of(paths).sealed();
    let directory_of = |path: &Path| path.parent().unwrap_or(path).display().to_string();
    let (state, runtime) = (paths.state.display(), directory_of(&paths.runtime));
    Some(vec![
        "[Unit]".to_owned(),
        "ConditionPathExists=".to_owned(),
        format!("ConditionPathExists={}", sealed.display()),
        format!("RequiresMountsFor={} {state} {runtime}", directory_of(&sealed)),
        "[Service]".to_owned(),
        format!("ReadWritePaths={runtime} {state}"),
    ])
}

fn is_enabled() -> bool {
    let status = Command::new("/usr/bin/systemctl")
        .args(["is-enabled", "--quiet", UNIT])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_the_default_need_a_drop_in() {
        let by_default = Config::defaults().unwrap().paths;
        assert_eq!(drop_in(&by_default, &by_default), None);
        let elsewhere = Paths {
            state: "/srv/totp/state".into(),
            keyring: "/srv/keys/ring.toml".into(),
            runtime: "/dev/shm/totp".into(),
            ..by_default.clone()
        };
        let lines = drop_in(&elsewhere, &by_default).unwrap();
        assert!(lines.contains(&"ConditionPathExists=/srv/keys/ring.cred".to_owned()), "{lines:?}");
        assert!(lines.contains(&"ReadWritePaths=/dev/shm /srv/totp/state".to_owned()), "{lines:?}");
        for one in [
            Paths { state: elsewhere.state.clone(), ..by_default.clone() },
            Paths { keyring: elsewhere.keyring.clone(), ..by_default.clone() },
            Paths { runtime: elsewhere.runtime, ..by_default.clone() },
        ] {
            assert!(drop_in(&one, &by_default).is_some(), "{one:?}");
        }
    }

    #[test]
    fn the_shipped_unit_has_the_default_paths() {
        let unit = include_str!("../../../packaging/systemd/pam-totp-keyring.service");
        let paths = Config::defaults().unwrap().paths;
        let sealed = KeyringFiles::of(&paths).sealed();
        let state = paths.state.display();
        for line in
            [format!("ConditionPathExists={}\n", sealed.display()), format!("ReadWritePaths=/run {state}\n")]
        {
            assert!(unit.contains(&line), "{line}");
        }
        assert!(paths.runtime.starts_with("/run"));
    }
}
