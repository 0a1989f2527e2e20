//! Who talks when: the state machine, pure, and the conductor, which carries its actions out.
