//! Numbers for what crosses between Rust and JavaScript. `scripts/codes.mjs` writes the same numbers for TypeScript.

/// An enum whose variants are numbered from 0 in the order in which they stand here.
macro_rules! codes {
    ($(#[$about:meta])* $view:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[allow(dead_code, reason = "some are read here, others written")]
        $view enum $name { $($(#[$doc])* $variant),* }

        #[allow(dead_code, reason = "some are read here, others written")]
        impl $name {
            /// All of them, each at its number.
            $view const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The one with this number.
            $view fn of(code: u32) -> Option<Self> {
                Self::ALL.get(code as usize).copied()
            }
        }
    };
}

pub(crate) use codes;
