//! Columns that grow with what rows show.
//!
//! A column comes into being with its first value and is padded with nulls up to there, so an
//! element that no row has costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, ListArray, StringBuilder,
    StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field as ArrowField, Fields};
use arrow::error::ArrowError;

use super::schema::{LIST_ITEM, RESOURCE_TYPE};
use crate::deid::Event;
use crate::deid::policy::Field;
use crate::fhir::{self, Kind, Type};

/// The values of one element, one slot a row of its parent.
pub(super) enum Column {
    Text(StringBuilder),
    Integer(Int32Builder),
    Decimal(Float64Builder),
    Boolean(BooleanBuilder),
    Object(ObjectColumn),
    List(Box<ListColumn>),
    Contained(ContainedColumn),
}

impl Column {
    /// The column of an element or its `_name` sibling; `None` outside R4.
    fn of_field(field: &Field) -> Option<Self> {
        let element = field.element?;
        let single = match element.kind {
            _ if field.sibling => Self::Object(ObjectColumn::new(fhir::type_named("Element")?)),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int32Builder::new()),
            Kind::Decimal => Self::Decimal(Float64Builder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Object("Resource") => Self::Contained(ContainedColumn::default()),
            Kind::Object(name) => Self::Object(ObjectColumn::new(fhir::type_named(name)?)),
        };
        Some(match element.list {
            true => Self::List(Box::new(ListColumn::new(single))),
            false => single,
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(column) => column.offsets_slice().len() - 1,
            Self::Integer(column) => column.values_slice().len(),
            Self::Decimal(column) => column.values_slice().len(),
            Self::Boolean(column) => arrow::array::ArrayBuilder::len(column),
            Self::Object(column) => column.valid.len(),
            Self::List(column) => column.valid.len(),
            Self::Contained(column) => column.valid.len(),
        }
    }

    /// Nulls until the column has `len` slots.
    fn pad(&mut self, len: usize) {
        let missing = len.saturating_sub(self.len());
        if missing == 0 {
            return;
        }
        match self {
            // One offset at a time is fine: `append_nulls` of the string builder copies.
            Self::Text(column) => (0..missing).for_each(|_| column.append_null()),
            Self::Integer(column) => column.append_nulls(missing),
            Self::Decimal(column) => column.append_nulls(missing),
            Self::Boolean(column) => column.append_nulls(missing),
            Self::Object(column) => column.valid.resize(len, false),
            // A null list has a validity bit and an empty range of items.
            Self::List(column) => {
                column.valid.resize(len, false);
                let end = column.end();
                column.offsets.resize(len + 1, end);
            }
            Self::Contained(column) => {
                column.valid.resize(len, false);
                column.resource_type.pad(len);
            }
        }
    }

    /// Takes the value that begins with `event`.
    fn append<'a>(&mut self, event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) {
        match (self, event) {
            (Self::Text(column), Event::Text(text)) => column.append_value(text),
            // De-identification has checked the range.
            (Self::Integer(column), Event::Integer(n)) => column.append_value(n as i32),
            (Self::Decimal(column), Event::Integer(n)) => column.append_value(n as f64),
            (Self::Decimal(column), Event::Decimal(n)) => column.append_value(n),
            (Self::Boolean(column), Event::Boolean(value)) => column.append_value(value),
            (Self::Object(column), Event::Object(_)) => column.append(events),
            (Self::List(column), Event::List) => column.append(events),
            (Self::Contained(column), Event::Object(rules)) => {
                column.append(rules.r4, events);
            }
            (column, Event::Null) => column.pad(column.len() + 1),
            // Not reached: the policy and the columns come from the same definitions.
            (_, other) => skip_value(other, events),
        }
    }

    fn finish(self, len: usize) -> Result<ArrayRef, ArrowError> {
        let mut this = self;
        this.pad(len);
        Ok(match this {
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Integer(mut column) => Arc::new(column.finish()),
            Self::Decimal(mut column) => Arc::new(column.finish()),
            Self::Boolean(mut column) => Arc::new(column.finish()),
            Self::Object(column) => Arc::new(column.finish()?),
            Self::List(column) => Arc::new(column.finish()?),
            Self::Contained(column) => Arc::new(column.finish()?),
        })
    }
}

/// Passes over the value that begins with `event`.
fn skip_value<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) {
    let mut depth = 0_u32;
    let mut event = Some(event);
    while let Some(current) = event {
        match current {
            Event::Object(_) | Event::List => depth += 1,
            Event::End => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return;
        }
        event = events.next();
    }
}

/// Objects of one R4 type.
pub(super) struct ObjectColumn {
    r4: &'static Type,
    valid: Vec<bool>,
    /// Two per element of the type: the element, then its `_name` sibling.
    children: Vec<Option<Column>>,
}

impl ObjectColumn {
    pub(super) fn new(r4: &'static Type) -> Self {
        let children = std::iter::repeat_with(|| None).take(2 * r4.elements.len()).collect();
        Self { r4, valid: Vec::new(), children }
    }

    pub(super) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Takes an object from behind its [`Event::Object`] to its [`Event::End`].
    pub(super) fn append<'a>(&mut self, events: &mut impl Iterator<Item = Event<'a>>) {
        let row = self.valid.len();
        while let Some(Event::Field(field)) = events.next() {
            self.append_field(field, row, events);
        }
        self.valid.push(true);
    }

    fn append_field<'a>(
        &mut self,
        field: &Field,
        row: usize,
        events: &mut impl Iterator<Item = Event<'a>>,
    ) {
        let Some(value) = events.next() else { return };
        let child = field.column.and_then(|column| self.children.get_mut(column));
        match child {
            Some(Some(column)) => {
                column.pad(row);
                column.append(value, events);
            }
            Some(empty) => match Column::of_field(field) {
                Some(mut column) => {
                    column.pad(row);
                    column.append(value, events);
                    *empty = Some(column);
                }
                None => skip_value(value, events),
            },
            None => skip_value(value, events),
        }
    }

    /// The columns seen, with their names.
    pub(super) fn finish_children(self) -> Result<(Vec<ArrowField>, Vec<ArrayRef>), ArrowError> {
        let len = self.valid.len();
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (index, child) in self.children.into_iter().enumerate() {
            let (Some(child), Some(element)) = (child, self.r4.elements.get(index / 2)) else {
                continue;
            };
            let array = child.finish(len)?;
            let name = match index % 2 {
                0 => element.name.to_owned(),
                _ => format!("_{}", element.name),
            };
            fields.push(ArrowField::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        Ok((fields, arrays))
    }

    fn finish(self) -> Result<StructArray, ArrowError> {
        let len = self.valid.len();
        let nulls = null_buffer(&self.valid);
        let (fields, arrays) = self.finish_children()?;
        StructArray::try_new_with_length(Fields::from(fields), arrays, nulls, len)
    }
}

/// Lists of values.
pub(super) struct ListColumn {
    offsets: Vec<i32>,
    valid: Vec<bool>,
    item: Column,
}

impl ListColumn {
    fn new(item: Column) -> Self {
        Self { offsets: vec![0], valid: Vec::new(), item }
    }

    fn end(&self) -> i32 {
        self.offsets.last().copied().unwrap_or_default()
    }

    fn append<'a>(&mut self, events: &mut impl Iterator<Item = Event<'a>>) {
        while let Some(event) = events.next() {
            if matches!(event, Event::End) {
                break;
            }
            self.item.append(event, events);
        }
        // A batch is made of 64 MiB of lines at most, which have far fewer than 2^31 items.
        self.offsets.push(self.item.len() as i32);
        self.valid.push(true);
    }

    fn finish(self) -> Result<ListArray, ArrowError> {
        let end = self.end() as usize;
        let item = self.item.finish(end)?;
        let field = ArrowField::new(LIST_ITEM, item.data_type().clone(), true);
        let offsets = OffsetBuffer::new(self.offsets.into());
        ListArray::try_new(Arc::new(field), offsets, item, null_buffer(&self.valid))
    }
}

/// Contained resources: one struct per resource type, of which a slot fills one.
///
/// Which columns a table gives them depends on all types of the run, so the types are kept
/// apart until the table's schema is known (`adapt`).
#[derive(Default)]
pub(super) struct ContainedColumn {
    valid: Vec<bool>,
    resource_type: TextColumn,
    by_type: BTreeMap<&'static str, ObjectColumn>,
}

#[derive(Default)]
struct TextColumn(StringBuilder);

impl TextColumn {
    fn pad(&mut self, len: usize) {
        while self.0.offsets_slice().len() <= len {
            self.0.append_null();
        }
    }
}

impl ContainedColumn {
    fn append<'a>(
        &mut self,
        r4: Option<&'static Type>,
        events: &mut impl Iterator<Item = Event<'a>>,
    ) {
        let row = self.valid.len();
        let Some(r4) = r4.or_else(|| fhir::type_named("Resource")) else { return };
        let column = self.by_type.entry(r4.name).or_insert_with(|| ObjectColumn::new(r4));
        column.valid.resize(row, false);
        while let Some(Event::Field(field)) = events.next() {
            if field.name != RESOURCE_TYPE {
                column.append_field(field, row, events);
            } else if let Some(Event::Text(text)) = events.next() {
                self.resource_type.0.append_value(text);
            }
        }
        column.valid.push(true);
        self.valid.push(true);
        self.resource_type.pad(row + 1);
    }

    fn finish(mut self) -> Result<StructArray, ArrowError> {
        let len = self.valid.len();
        let mut fields = vec![ArrowField::new(RESOURCE_TYPE, DataType::Utf8, true)];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.resource_type.0.finish())];
        for (name, mut column) in self.by_type {
            column.valid.resize(len, false);
            let array = column.finish()?;
            fields.push(ArrowField::new(name, array.data_type().clone(), true));
            arrays.push(Arc::new(array));
        }
        StructArray::try_new_with_length(
            Fields::from(fields),
            arrays,
            null_buffer(&self.valid),
            len,
        )
    }
}

fn null_buffer(valid: &[bool]) -> Option<NullBuffer> {
    valid.contains(&false).then(|| NullBuffer::from(valid))
}
