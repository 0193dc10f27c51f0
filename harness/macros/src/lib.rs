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
//! test needs: `cpus`, `memory` in MiB, `machine` (`"q35"`, `"pc"`, `"microvm"`), `cpu` (a QEMU model). `tier` says
//! that a test is too costly to be run on every change: `"verify"` or `"soak"`.
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
    tier: Tier,
}

/// The tiers of `steward_harness_wire::layout`, by the names of their variants.
#[derive(Clone, Copy, Debug, Default)]
enum Tier {
    #[default]
    Test,
    Verify,
    Soak,
}

impl Tier {
    fn read(literal: &LitStr) -> syn::Result<Self> {
        match literal.value().as_str() {
            "verify" => Ok(Self::Verify),
            "soak" => Ok(Self::Soak),
            _ => Err(syn::Error::new(
                literal.span(),
                "a tier is \"verify\" or \"soak\"; without one, a test is run always",
            )),
        }
    }
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
            "tier" => self.tier = Tier::read(&meta.value()?.parse()?)?,
            _ => {
                return Err(meta.error(
                    "unknown attribute; known are should_panic, ignore, timeout, cpus, memory, machine, cpu and tier",
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
    let Needs { should_panic, ignore, ignore_reason, timeout_ms, cpus, memory_mib, machine, cpu, tier } = needs;
    let tier = format_ident!("{tier:?}");
    Ok(quote! {
        // An editor offers to run what looks like a test to it: rust-analyzer sets `miri`, and nothing else here does.
        #[cfg_attr(miri, test)]
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
                tier: ::steward_harness_guest::wire::layout::Tier::#tier,
            },
        );
    })
}
