//! Whether to install, to ask, or to refuse: no effects here.

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact about the surroundings")]
pub struct Situation {
    /// `STEWARD_NO_INSTALL` is set.
    pub forbidden: bool,
    /// `--yes` was given, or `CI` is set.
    pub consented: bool,
    /// Somebody is there to ask: standard input and standard error are a terminal.
    pub terminal: bool,
    /// We run as root.
    pub root: bool,
    /// There is a `sudo`.
    pub sudo: bool,
    /// The installation needs root.
    pub needs_root: bool,
}

/// What to do about something missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Install it and say so.
    Install,
    /// Ask first.
    Ask,
    /// Leave it; the text says why.
    Refuse(&'static str),
}

/// Decides. A prohibition is stronger than consent, and consent stronger than a question.
#[must_use]
pub fn decide(situation: Situation) -> Decision {
    let Situation { forbidden, consented, terminal, root, sudo, needs_root } = situation;
    if forbidden {
        return Decision::Refuse("STEWARD_NO_INSTALL forbids installing");
    }
    if needs_root && !root && !sudo {
        return Decision::Refuse("installing needs root, and there is no sudo");
    }
    if consented {
        return Decision::Install;
    }
    if terminal {
        return Decision::Ask;
    }
    if root {
        return Decision::Install;
    }
    Decision::Refuse("there is no terminal to ask on, and neither --yes nor CI is set")
}

/// Whether the value of an environment switch turns it on.
#[must_use]
pub fn is_on(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no")
}

/// Whether the answer to a `[Y/n]` question is yes.
#[must_use]
pub fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user without terminal, root, sudo, consent or prohibition.
    const BARE: Situation =
        Situation { forbidden: false, consented: false, terminal: false, root: false, sudo: false, needs_root: true };

    #[test]
    fn a_prohibition_beats_everything() {
        let situation = Situation { forbidden: true, consented: true, terminal: true, root: true, ..BARE };
        assert!(matches!(decide(situation), Decision::Refuse(reason) if reason.contains("STEWARD_NO_INSTALL")));
    }

    #[test]
    fn consent_installs_as_root_or_with_sudo_and_not_without_either() {
        assert_eq!(decide(Situation { consented: true, root: true, ..BARE }), Decision::Install);
        assert_eq!(decide(Situation { consented: true, sudo: true, ..BARE }), Decision::Install);
        assert_eq!(decide(Situation { consented: true, sudo: true, terminal: true, ..BARE }), Decision::Install);
        assert!(matches!(decide(Situation { consented: true, ..BARE }), Decision::Refuse(_)));
    }

    #[test]
    fn a_terminal_is_asked_also_as_root() {
        assert_eq!(decide(Situation { terminal: true, root: true, ..BARE }), Decision::Ask);
        assert_eq!(decide(Situation { terminal: true, sudo: true, ..BARE }), Decision::Ask);
    }

    #[test]
    fn without_a_terminal_root_installs_and_others_refuse() {
        assert_eq!(decide(Situation { root: true, ..BARE }), Decision::Install);
        assert!(matches!(decide(Situation { sudo: true, ..BARE }), Decision::Refuse(_)));
        assert!(matches!(decide(BARE), Decision::Refuse(_)));
    }

    #[test]
    fn what_needs_no_root_needs_no_sudo() {
        let situation = Situation { needs_root: false, consented: true, ..BARE };
        assert_eq!(decide(situation), Decision::Install);
    }

    #[test]
    fn switches_are_off_when_empty_or_false() {
        assert!(["1", "true", "yes", "anything"].iter().all(|value| is_on(value)));
        assert!(["", "0", "false", "FALSE", "no"].iter().all(|value| !is_on(value)));
    }

    #[test]
    fn enter_means_yes_and_anything_unclear_means_no() {
        assert!(["\n", "y\n", "Yes\n"].iter().all(|answer| is_yes(answer)));
        assert!(["n\n", "no\n", "what\n"].iter().all(|answer| !is_yes(answer)));
    }
}
