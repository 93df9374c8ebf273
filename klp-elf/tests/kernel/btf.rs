// SPDX-License-Identifier: GPL-2.0-only

//! Writes BTF, type by type.

/// `void`.
pub(crate) const VOID: u32 = 0;

/// BTF under construction.
#[derive(Clone)]
pub(crate) struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// The first string offset: a module's strings continue those of vmlinux.
    first_string: usize,
    last: u32,
}

impl Btf {
    pub(crate) fn new() -> Self {
        Self {
            types: Vec::new(),
            strings: vec![0],
            first_string: 0,
            last: 0,
        }
    }

    /// A module's, on top of this one.
    pub(crate) fn split(&self) -> Self {
        Self {
            types: Vec::new(),
            strings: Vec::new(),
            first_string: self.strings.len(),
            last: self.last,
        }
    }

    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut data = vec![0x9f, 0xeb, 1, 0];
        let types = self.types.len() as u32;
        for field in [24, 0, types, types, self.strings.len() as u32] {
            data.extend(field.to_le_bytes());
        }
        data.extend(&self.types);
        data.extend(&self.strings);
        data
    }

    /// The number of the last type.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// Adds a string and returns its offset.
    pub(crate) fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.first_string + self.strings.len();
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset as u32
    }

    /// A type: its kind, name, number of parts with the flag, size or other type, and the rest.
    fn add(
        &mut self,
        kind: u32,
        name: &str,
        parts: (usize, bool),
        third: u32,
        rest: &[u32],
    ) -> u32 {
        let info = (kind << 24) | (u32::from(parts.1) << 31) | parts.0 as u32;
        let name = self.string(name);
        for word in [name, info, third].iter().chain(rest) {
            self.types.extend(word.to_le_bytes());
        }
        self.last += 1;
        self.last
    }

    fn encoded(&mut self, name: &str, size: u32, encoding: u32) -> u32 {
        self.add(1, name, (0, false), size, &[(encoding << 24) | (size * 8)])
    }

    pub(crate) fn unsigned(&mut self, name: &str, size: u32) -> u32 {
        self.encoded(name, size, 0)
    }

    pub(crate) fn signed(&mut self, name: &str, size: u32) -> u32 {
        self.encoded(name, size, 1)
    }

    pub(crate) fn boolean(&mut self) -> u32 {
        self.encoded("_Bool", 1, 4)
    }

    pub(crate) fn float(&mut self, name: &str, size: u32) -> u32 {
        self.add(16, name, (0, false), size, &[])
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.add(2, "", (0, false), to, &[])
    }

    pub(crate) fn constant(&mut self, of: u32) -> u32 {
        self.add(10, "", (0, false), of, &[])
    }

    pub(crate) fn volatile(&mut self, of: u32) -> u32 {
        self.add(9, "", (0, false), of, &[])
    }

    pub(crate) fn tag(&mut self, name: &str, of: u32) -> u32 {
        self.add(18, name, (0, false), of, &[])
    }

    pub(crate) fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.add(8, name, (0, false), of, &[])
    }

    pub(crate) fn declared(&mut self, name: &str) -> u32 {
        self.add(7, name, (0, false), 0, &[])
    }

    pub(crate) fn array(&mut self, of: u32, length: u32) -> u32 {
        self.add(3, "", (0, false), 0, &[of, of, length])
    }

    pub(crate) fn enumeration(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        self.add(6, name, (0, signed), size, &[])
    }

    /// A structure; members by name, type, first bit, and bits if it is a bit-field.
    pub(crate) fn structure(
        &mut self,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32, u32)],
    ) -> u32 {
        self.aggregate(4, name, size, members)
    }

    pub(crate) fn union(&mut self, name: &str, size: u32, members: &[(&str, u32)]) -> u32 {
        let members: Vec<_> = members
            .iter()
            .map(|(name, ty)| (*name, *ty, 0, 0))
            .collect();
        self.aggregate(5, name, size, &members)
    }

    /// A structure; names by where they are.
    pub(crate) fn aggregate_at(&mut self, name: u32, size: u32, members: &[(u32, u32, u32)]) {
        let mut words = vec![name, 4 << 24 | members.len() as u32, size];
        for (name, ty, bit) in members {
            words.extend([name, ty, bit]);
        }
        self.types
            .extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.last += 1;
    }

    /// A function; its name by where that is.
    pub(crate) fn function_at(&mut self, name: u32, prototype: u32) {
        let words = [name, 12 << 24, prototype];
        self.types
            .extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.last += 1;
    }

    fn aggregate(
        &mut self,
        kind: u32,
        name: &str,
        size: u32,
        members: &[(&str, u32, u32, u32)],
    ) -> u32 {
        let mut rest = Vec::new();
        for (name, ty, bit, bits) in members {
            rest.extend([self.string(name), *ty, (bits << 24) | bit]);
        }
        self.add(kind, name, (members.len(), true), size, &rest)
    }

    /// A function type; a parameter of no name and type is the dots of a variadic one.
    pub(crate) fn prototype(&mut self, result: u32, parameters: &[(&str, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (name, ty) in parameters {
            rest.extend([self.string(name), *ty]);
        }
        self.add(13, "", (parameters.len(), false), result, &rest)
    }

    pub(crate) fn function(&mut self, name: &str, result: u32, parameters: &[(&str, u32)]) -> u32 {
        let prototype = self.prototype(result, parameters);
        self.add(12, name, (0, false), prototype, &[])
    }
}
