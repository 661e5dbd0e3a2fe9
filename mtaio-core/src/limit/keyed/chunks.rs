//! A vector in pieces: it grows and shrinks without moving what is in it.

use alloc::vec::Vec;

/// How much a piece holds.
const PIECE: usize = 256;

/// As a `Vec`, but no operation takes longer the more there is in it, and it returns memory as it shrinks.
pub(super) struct Chunks<T> {
    /// All full but the last one in use; behind that is at most one, which is empty.
    pieces: Vec<Vec<T>>,
    len: usize,
}

impl<T> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / PIECE)?.get(index % PIECE)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pieces.get_mut(index / PIECE)?.get_mut(index % PIECE)
    }

    pub(super) fn push(&mut self, value: T) {
        if self.pieces.len() == self.len / PIECE {
            // What is small stays small: only the first piece grows.
            self.pieces.push(if self.len == 0 { Vec::new() } else { Vec::with_capacity(PIECE) });
        }
        self.pieces[self.len / PIECE].push(value);
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let value = self.pieces.get_mut(self.len.checked_sub(1)? / PIECE)?.pop();
        self.len -= 1;
        // One empty piece is kept, for who comes and goes at an edge.
        self.pieces.truncate(self.len / PIECE + 2);
        if self.len == 0 {
            self.pieces = Vec::new();
        }
        value
    }
}

impl<T> core::ops::Index<usize> for Chunks<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pieces[index / PIECE][index % PIECE]
    }
}

impl<T> core::ops::IndexMut<usize> for Chunks<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pieces[index / PIECE][index % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_vector(steps in prop::collection::vec((0..3_u8, 0..2000_usize), 0..1500)) {
            let (mut chunks, mut vector) = (Chunks::new(), Vec::new());
            for (what, at) in steps {
                match what {
                    0 => prop_assert_eq!(chunks.pop(), vector.pop()),
                    _ => {
                        chunks.push(at);
                        vector.push(at);
                    }
                }
                prop_assert_eq!(chunks.len(), vector.len());
                prop_assert!(chunks.pieces.len() <= vector.len() / PIECE + 2);
            }
            for (at, value) in vector.iter().enumerate() {
                prop_assert_eq!(chunks[at], *value);
            }
            prop_assert_eq!(chunks.get(vector.len()), None);
        }
    }
}
