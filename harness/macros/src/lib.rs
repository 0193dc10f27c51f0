//! `#[ktest]` turns a function into a kernel test.
//!
//! ```text
//! #[ktest]
//! fn text_is_not_writable() { … }
//!
//! #[ktest(should_panic, timeout = 2000, cpus = 4, memory = 256, machine = "q35", cpu = "max")]
//! fn four_cpus_are_listed() -> Result<(), Error> { … }
//! ```
//!
//! Attributes: `should_panic`, `ignore` or `ignore = "reason"`, `timeout` in milliseconds, and the machine that the
//! test needs: `cpus`, `memory` in MiB, `machine` (`"q35"`, `"pc"`, `"microvm"`), `cpu` (a QEMU model).
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::{format_ident, quote};
use syn::{ItemFn, LitInt, LitStr, ReturnType, meta::ParseNestedMeta, parse_macro_input, spanned::Spanned};

#[derive(Default)]
struct Needs {
    should_panic: bool,
    ignore: bool,
    ignore_reason: String,
    timeout_ms: u32,
    cpus: u32,
    memory_mib: u32,
    machine: String,
    cpu: String,
}

impl Needs {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let number = || -> syn::Result<u32> {
            let literal: LitInt = meta.value()?.parse()?;
            match literal.base10_parse()? {
                0 => Err(syn::Error::new(literal.span(), "must be at least 1")),
                value => Ok(value),
            }
        };
        let text = || -> syn::Result<String> { Ok(meta.value()?.parse::<LitStr>()?.value()) };
        let name = meta.path.require_ident()?.to_string();
        match name.as_str() {
            "should_panic" => self.should_panic = true,
            "ignore" => {
                self.ignore = true;
                if meta.input.peek(syn::Token![=]) {
                    self.ignore_reason = text()?;
                }
            }
            "timeout" => self.timeout_ms = number()?,
            "cpus" => self.cpus = number()?,
            "memory" => self.memory_mib = number()?,
            "machine" => self.machine = text()?,
            "cpu" => self.cpu = text()?,
            _ => {
                return Err(meta.error(
                    "unknown attribute; known are should_panic, ignore, timeout, cpus, memory, machine and cpu",
                ));
            }
        }
        Ok(())
    }
}

/// Registers a function as a kernel test; see the crate's documentation.
///
/// The function takes nothing and returns `()` or a `Result` whose error is `Debug`.
#[proc_macro_attribute]
pub fn ktest(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut needs = Needs::default();
    let parser = syn::meta::parser(|meta| needs.read(&meta));
    parse_macro_input!(attribute with parser);
    let function = parse_macro_input!(item as ItemFn);
    expand(&needs, &function).unwrap_or_else(|error| error.to_compile_error()).into()
}

fn expand(needs: &Needs, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    let signature = &function.sig;
    if !signature.inputs.is_empty() || !signature.generics.params.is_empty() {
        return Err(syn::Error::new(signature.span(), "a kernel test takes no arguments and is not generic"));
    }
    if let Some(asyncness) = signature.asyncness {
        return Err(syn::Error::new(asyncness.span(), "a kernel test is not async"));
    }
    if needs.should_panic && !matches!(signature.output, ReturnType::Default) {
        return Err(syn::Error::new(signature.output.span(), "a test that should panic returns nothing"));
    }
    let name = &signature.ident;
    let descriptor = format_ident!("__KTEST_{}", name.to_string().to_uppercase());
    let Needs { should_panic, ignore, ignore_reason, timeout_ms, cpus, memory_mib, machine, cpu } = needs;
    Ok(quote! {
        #function

        #[used]
        #[unsafe(link_section = "steward_ktest")]
        static #descriptor: ::steward_harness_guest::Descriptor = ::steward_harness_guest::Descriptor::new(
            ::steward_harness_guest::Test {
                name: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                file: ::core::file!(),
                line: ::core::line!(),
                run: |failure| ::steward_harness_guest::Report::report(#name(), failure),
                should_panic: #should_panic,
                ignore: #ignore,
                ignore_reason: #ignore_reason,
                timeout_ms: #timeout_ms,
                cpus: #cpus,
                memory_mib: #memory_mib,
                machine: #machine,
                cpu: #cpu,
            },
        );
    })
}
