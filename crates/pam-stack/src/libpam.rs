//! Which libpam is installed, and where its modules are. Release 1.6.0 changed how service files are read, and Debian patches how
//! includes are read.

use std::path::{Path, PathBuf};

/// How a libpam reads service files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Libpam {
    /// How it reads lines.
    pub release: Release,
    /// How it reads includes.
    pub includes: Includes,
}

/// The releases that read service files differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Up to 1.5.3 (Debian 12): lines of 1023 bytes; includes as deep as there are open files; large jumps overflow.
    V1_5,
    /// Since 1.6.0 (Debian 13): lines of any length; includes 16 deep; large jumps are refused.
    V1_6,
}

/// Where an included file with a relative name is looked for, and whether `@include` exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Includes {
    /// Debian's patch `031_pam_include`: in /etc/pam.d only, and `@include` includes lines of every type.
    Debian,
    /// In every directory of service files; there is no `@include`.
    Upstream,
}

/// The deepest include that libpam follows (`PAM_SUBSTACK_MAX_LEVEL`); up to 1.5 the deepest substack.
const DEEPEST: usize = 16;

/// Up to 1.5 only the number of open files limits plain includes. More than this is taken for a file that includes itself.
const DEEPEST_INCLUDE: usize = 64;

/// Log messages and keywords in the library's binary. Both releases are named `libpam.so.0.85.1` and neither contains its version
/// number, so the release is recognised by these texts.
const DEEP_IN_1_5: &[u8] = b"maximum level of substacks reached";
const DEEP_IN_1_6: &[u8] = b"maximum level of inclusions reached";
const JUMP_IN_1_6: &[u8] = b"expecting smaller jump number";
const INCLUDE_OF_DEBIAN: &[u8] = b"@include";

impl Release {
    /// Whether it refuses to follow an include that is `level` substacks and `depth` includes deep.
    pub(crate) fn is_too_deep(self, level: usize, depth: usize) -> bool {
        match self {
            Self::V1_5 => level >= DEEPEST || depth >= DEEPEST_INCLUDE,
            Self::V1_6 => depth >= DEEPEST,
        }
    }
}

impl Libpam {
    /// Debian 12.
    pub const DEBIAN_12: Self = Self { release: Release::V1_5, includes: Includes::Debian };
    /// Debian 13.
    pub const DEBIAN_13: Self = Self { release: Release::V1_6, includes: Includes::Debian };

    /// Those that may be in use on this machine: exactly one, unless it cannot be recognised. Then check a stack against each.
    pub fn candidates() -> Vec<Self> {
        let libraries: Vec<Vec<u8>> =
            libraries().iter().filter_map(|path| std::fs::read(path).ok()).collect();
        Self::among(&libraries)
    }

    fn among(libraries: &[Vec<u8>]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let unknown = [None];
        let known: Vec<Option<&[u8]>> = libraries.iter().map(|library| Some(library.as_slice())).collect();
        for library in if known.is_empty() { &unknown } else { known.as_slice() } {
            for one in library.map_or(vec![Self::DEBIAN_12, Self::DEBIAN_13], Self::of) {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// The releases that a library may be, by its content.
    fn of(library: &[u8]) -> Vec<Self> {
        let contains = |text: &[u8]| library.windows(text.len()).any(|window| window == text);
        let releases: &[Release] = match (contains(DEEP_IN_1_5), contains(DEEP_IN_1_6), contains(JUMP_IN_1_6))
        {
            (true, false, false) => &[Release::V1_5],
            (false, true, true) => &[Release::V1_6],
            // A distribution that backported a part of the change, or a release that is not known here.
            (_, _, _) => &[Release::V1_5, Release::V1_6],
        };
        let includes = if contains(INCLUDE_OF_DEBIAN) { Includes::Debian } else { Includes::Upstream };
        releases.iter().map(|release| Self { release: *release, includes }).collect()
    }
}

/// The libpam files that programs may load: beside its modules, or in /usr/local/lib, which the dynamic linker searches first.
fn libraries() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        libpam_directories().iter().filter_map(|modules| modules.parent().map(Path::to_owned)).collect();
    directories.push(PathBuf::from("/usr/local/lib"));
    let inner = std::fs::read_dir("/usr/local/lib").into_iter().flatten().flatten();
    directories.extend(inner.map(|entry| entry.path()));
    directories.iter().map(|directory| directory.join("libpam.so.0")).filter(|path| path.is_file()).collect()
}

/// The file name of a module.
pub fn module_name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

/// Where Debian's libpam looks next for a module that is not beside its own (patch `lib_security_multiarch_compat`).
const FALLBACK: [&str; 2] = ["/lib/security", "/usr/lib/security"];

/// The file of a module; `None`: libpam does not find one.
pub fn module_file(module: &str) -> Option<PathBuf> {
    if module.starts_with('/') {
        return Some(PathBuf::from(module)).filter(|path| path.is_file());
    }
    let directories = libpam_directories().into_iter().chain(FALLBACK.map(PathBuf::from));
    directories.map(|directory| directory.join(module)).find(|path| path.is_file())
}

/// The directory of libpam's own modules, where it looks first. More than one if that cannot be decided.
fn libpam_directories() -> Vec<PathBuf> {
    with_libpams_own(module_directories())
}

/// Those of `directories` that hold libpam's own modules; all of them if none does.
fn with_libpams_own(directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let has_its_own = |directory: &&PathBuf| {
        ["pam_permit.so", "pam_unix.so"].iter().any(|module| directory.join(module).is_file())
    };
    let found: Vec<PathBuf> = directories.iter().filter(has_its_own).cloned().collect();
    if found.is_empty() { directories } else { found }
}

/// The module directories of every distribution that exist here.
pub fn module_directories() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in ["/lib", "/usr/lib"] {
        let inner = std::fs::read_dir(root).into_iter().flatten().flatten();
        found.extend(inner.map(|entry| entry.path().join("security")).filter(|path| path.is_dir()));
    }
    let plain = ["/lib/security", "/lib64/security", "/usr/lib64/security"].map(PathBuf::from);
    found.extend(plain.into_iter().filter(|path: &PathBuf| Path::is_dir(path)));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(texts: &[&[u8]]) -> Vec<u8> {
        texts.iter().flat_map(|text| [*text, b"\0"].concat()).collect()
    }

    #[test]
    fn a_release_is_recognised_by_texts_in_the_library() {
        let old = library(&[INCLUDE_OF_DEBIAN, DEEP_IN_1_5]);
        let new = library(&[DEEP_IN_1_6, INCLUDE_OF_DEBIAN, JUMP_IN_1_6]);
        assert_eq!(Libpam::among(std::slice::from_ref(&old)), [Libpam::DEBIAN_12]);
        assert_eq!(Libpam::among(&[new.clone(), new.clone()]), [Libpam::DEBIAN_13]);
        assert_eq!(Libpam::among(&[old, new]), [Libpam::DEBIAN_12, Libpam::DEBIAN_13]);
        let upstream = Libpam { release: Release::V1_6, includes: Includes::Upstream };
        assert_eq!(Libpam::among(&[library(&[DEEP_IN_1_6, JUMP_IN_1_6])]), [upstream]);
    }

    #[test]
    fn an_unrecognised_library_may_be_either_release() {
        let both = [Libpam::DEBIAN_12, Libpam::DEBIAN_13];
        assert_eq!(Libpam::among(&[]), both);
        for texts in [&[][..], &[DEEP_IN_1_6], &[DEEP_IN_1_5, DEEP_IN_1_6], &[DEEP_IN_1_5, JUMP_IN_1_6]] {
            let library = [library(texts), INCLUDE_OF_DEBIAN.to_vec()].concat();
            assert_eq!(Libpam::among(&[library]), both, "{texts:?}");
        }
    }

    #[test]
    fn the_libpam_of_this_machine_is_recognised() {
        assert_eq!(Libpam::candidates().len(), 1);
    }

    #[test]
    fn libpam_looks_where_its_own_modules_are() {
        let root = tempfile::tempdir().unwrap();
        let (own, other) = (root.path().join("own"), root.path().join("other"));
        for directory in [&own, &other] {
            std::fs::create_dir(directory).unwrap();
        }
        let both = vec![other, own.clone()];
        assert_eq!(with_libpams_own(both.clone()), both);
        std::fs::write(own.join("pam_permit.so"), "").unwrap();
        assert_eq!(with_libpams_own(both), [own]);
    }
}
