//! What a request asks of each part.

use alloc::boxed::Box;

use crate::limit::error::Part;

/// How many costs need no heap.
const FEW: usize = 4;

/// A cost for each part, in the order of building.
#[derive(Clone, Debug)]
pub(super) enum Costs {
    /// The same for every part.
    Each(u32),
    /// The first of these are meant, in number the other one.
    Few([u32; FEW], u8),
    Many(Box<[u32]>),
}

impl Costs {
    #[inline]
    pub(super) fn new(costs: &[u32]) -> Self {
        let mut few = [0; FEW];
        match few.get_mut(..costs.len()) {
            Some(place) => {
                place.copy_from_slice(costs);
                Self::Few(few, costs.len() as u8)
            }
            None => Self::Many(costs.into()),
        }
    }

    /// How many there are, if that is said.
    #[inline]
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Each(_) => None,
            Self::Few(_, len) => Some((*len).into()),
            Self::Many(costs) => Some(costs.len()),
        }
    }

    /// What is asked of `part`.
    #[inline]
    pub(super) fn of(&self, part: Part) -> u32 {
        match self {
            Self::Each(cost) => *cost,
            Self::Few(costs, _) => costs[part.index()],
            Self::Many(costs) => costs[part.index()],
        }
    }
}
