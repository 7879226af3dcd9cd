//! pam-totp-keyring.service, which opens the sealed keyring when the machine starts: it is written for the default paths, and has to
//! be enabled. Where it would not do its work, that is said when the keyring is sealed, and not by the first login after a restart.

use crate::output;
use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::config::{Config, Paths};
use totp_store::keyring_files::KeyringFiles;

const UNIT: &str = "pam-totp-keyring.service";
/// It is there where systemd runs (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// Says what the unit lacks.
pub(super) fn remark_on(paths: &Paths) {
    if let Some(lines) = Config::defaults().ok().and_then(|by_default| drop_in(paths, &by_default.paths)) {
        output::remark(&format!(
            "{UNIT} is written for other paths than the config's, and opens nothing when the machine starts; give \"systemctl edit {UNIT}\" these \
             lines (and ExecStart= your --config, if you use one):"
        ));
        lines.iter().for_each(|line| output::remark(&format!("    {line}")));
    }
    if Path::new(SYSTEMD).exists() && !is_enabled() {
        output::remark(&format!(
            "{UNIT} is not enabled: after a restart nobody who has to give a code gets in; run \"systemctl enable {UNIT}\""
        ));
    }
}

/// The lines for other paths than those by default; `None`: none are needed.
fn drop_in(paths: &Paths, by_default: &Paths) -> Option<Vec<String>> {
    let is_same = paths.keyring == by_default.keyring
        && paths.runtime == by_default.runtime
        && paths.state == by_default.state;
    if is_same {
        return None;
    }
    let sealed = KeyringFiles::of(paths).sealed();
    let place = |path: &Path| path.parent().unwrap_or(path).display().to_string();
    let (state, runtime) = (paths.state.display(), place(&paths.runtime));
    Some(vec![
        "[Unit]".to_owned(),
        "ConditionPathExists=".to_owned(),
        format!("ConditionPathExists={}", sealed.display()),
        format!("RequiresMountsFor={} {state} {runtime}", place(&sealed)),
        "[Service]".to_owned(),
        format!("ReadWritePaths={runtime} {state}"),
    ])
}

fn is_enabled() -> bool {
    let asked = Command::new("/usr/bin/systemctl")
        .args(["is-enabled", "--quiet", UNIT])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_paths_than_the_units_need_a_drop_in_that_names_them() {
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
    fn the_unit_that_ships_is_for_the_default_paths() {
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
