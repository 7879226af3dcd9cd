//! How a section is declared: the name of each field, the type of its value, and its key. All keys are optional.

macro_rules! section {
    ($name:ident { $($(#[$about:meta])* $field:ident: $value:ty = $key:literal,)+ }) => {
        #[derive(Default)]
        struct $name {
            $($(#[$about])* $field: Option<$value>,)+
        }

        impl $name {
            fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
                Ok(Self { $($field: table.optional($key)?,)+ })
            }
        }
    };
}
pub(super) use section;
