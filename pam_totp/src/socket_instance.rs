//! Whether process 1 started an sshd for one connection: `ssh.socket` with `Accept=yes`, or `/run/ssh-unix-local`.
//!
//! systemd names the service of such a connection itself, `NAME@NUMBER-ENDS.service` (systemd.socket(5), `Accept=`), and the kernel says
//! which service a process is in (cgroups(7)). A user can choose neither, because the process belongs to root.

/// The names of OpenSSH's program for a connection; the second is that of 9.8 and newer. Another server that calls itself sshd to PAM may
/// serve many connections in one process.
const PROGRAMS: [&[u8]; 2] = [b"sshd\n", b"sshd-session\n"];

/// By `comm` and `cgroup` of the process in /proc.
pub(crate) fn serves_one_connection(comm: &[u8], cgroup: &[u8]) -> bool {
    PROGRAMS.contains(&comm)
        && std::str::from_utf8(cgroup).is_ok_and(|cgroup| cgroup.lines().any(is_of_a_connection))
}

/// A line is `ID:CONTROLLERS:PATH`. systemd keeps its services in the hierarchy of version 2, which has the ID 0, or in its own of version 1.
fn is_of_a_connection(line: &str) -> bool {
    let mut fields = line.splitn(3, ':');
    let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
        return false;
    };
    let is_systemds = (id, controllers) == ("0", "") || controllers == "name=systemd";
    is_systemds && path.rsplit('/').next().is_some_and(is_instance)
}

/// `ssh@4-192.0.2.1:22-192.0.2.7:50714.service`, `sshd-unix-local@0-4711-1001.service`.
fn is_instance(unit: &str) -> bool {
    let instance = unit.strip_suffix(".service").and_then(|unit| unit.split_once('@'));
    let Some((number, ends)) = instance.and_then(|(_, instance)| instance.split_once('-')) else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(number) && !ends.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_of_a_socket_is_known_by_its_cgroup() {
        for (cgroup, is_one) in [
            ("0::/system.slice/system-ssh.slice/ssh@4-192.0.2.1:22-192.0.2.7:50714.service\n", true),
            (
                "0::/system.slice/system-sshd\\x2dunix\\x2dlocal.slice/sshd-unix-local@0-4711-1001.service\n",
                true,
            ),
            ("0::/system.slice/system-ssh.slice/ssh@0-[2001:db8::1]:22-[2001:db8::2]:5.service\n", true),
            ("9:pids:/\n1:name=systemd:/system.slice/system-ssh.slice/ssh@4-a-b.service\n0::/\n", true),
            ("9:pids:/system.slice/ssh@4-a-b.service\n0::/\n", false),
            ("0::/system.slice/ssh.service\n", false),
            ("0::/system.slice/system-sshd.slice/sshd@internal.service\n", false),
            ("0::/system.slice/system-sshd.slice/sshd@4-.service\n", false),
            ("0::/system.slice/ssh@4-a-b.service/below\n", false),
            ("0::/user.slice/user-1001.slice/session-4.scope\n", false),
            ("", false),
        ] {
            for (program, is_openssh) in [("sshd\n", true), ("sshd-session\n", true), ("python3\n", false)] {
                let found = serves_one_connection(program.as_bytes(), cgroup.as_bytes());
                assert_eq!(found, is_one && is_openssh, "{program} {cgroup}");
            }
        }
    }
}
