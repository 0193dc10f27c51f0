//! A machine's screen, and how a person gets to see it.

/// Whether a machine has a screen. A microvm has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Screen {
    /// There is no graphics card.
    #[default]
    None,
    /// There is a VGA card, and no window: [`Vm::screendump`](crate::vm::Vm::screendump) sees it.
    Hidden,
    /// There is a VGA card, and a window; or a VNC server where there is no desktop or QEMU knows none.
    Window,
}
