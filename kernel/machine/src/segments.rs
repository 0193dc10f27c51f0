//! Segments and the task state segment (Intel SDM volume 3, sections 3.4 and 7.7).

use spin::Once;
use x86_64::{
    VirtAddr,
    instructions::tables::load_tss,
    registers::segmentation::{CS, DS, ES, FS, GS, SS, Segment},
    structures::{
        gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector},
        tss::TaskStateSegment,
    },
};

use crate::{smp, stack::Stack};

/// Vectors that get a stack of their own, as they may strike when the current one cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ist {
    /// Double fault, as after an overflow of the current stack.
    DoubleFault,
    /// Non-maskable interrupt.
    Nmi,
    /// Machine check.
    MachineCheck,
}

impl Ist {
    /// All of them, in order of their slot.
    pub const ALL: [Self; 3] = [Self::DoubleFault, Self::Nmi, Self::MachineCheck];

    /// The stack that `vector` is to run on; `None` for the current one.
    pub(crate) const fn of_vector(vector: u8) -> Option<Self> {
        match vector {
            2 => Some(Self::Nmi),
            8 => Some(Self::DoubleFault),
            18 => Some(Self::MachineCheck),
            _ => None,
        }
    }

    /// Index in the task state segment's table of stacks.
    const fn slot(self) -> usize {
        self as usize
    }

    /// What an interrupt gate holds to ask for this stack: the slot counted from 1.
    pub(crate) const fn gate_value(self) -> u8 {
        self as u8 + 1
    }
}

struct Segments {
    table: GlobalDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
}

impl Segments {
    fn new() -> Self {
        let mut table = GlobalDescriptorTable::new();
        let code = table.append(Descriptor::kernel_code_segment());
        let data = table.append(Descriptor::kernel_data_segment());
        Self { table, code, data }
    }

    fn load(&'static self) {
        self.table.load();
        // SAFETY: `code` is a 64-bit ring-0 code segment of the table just loaded.
        unsafe { CS::set_reg(self.code) };
        // SAFETY: `data` is a writable ring-0 data segment of that table, as SS must be in ring 0.
        unsafe { SS::set_reg(self.data) };
        // SAFETY: in 64-bit mode the base and limit of DS are not used.
        unsafe { DS::set_reg(SegmentSelector::NULL) };
        // SAFETY: likewise for ES.
        unsafe { ES::set_reg(SegmentSelector::NULL) };
    }
}

static EARLY: Once<Segments> = Once::new();

/// One CPU's tables for the segment registers.
pub(crate) struct CpuSegments {
    task: Once<TaskStateSegment>,
    table: Once<(Segments, SegmentSelector)>,
}

impl CpuSegments {
    pub(crate) const fn new() -> Self {
        Self { task: Once::new(), table: Once::new() }
    }
}

/// Loads segments of the kernel's own, so that the loader's are not needed any more. There are no extra stacks yet, and GS
/// has no base afterwards.
pub(crate) fn init_early() {
    EARLY.call_once(Segments::new).load();
    // SAFETY: nothing in the kernel addresses through FS, so losing its base loses nothing.
    unsafe { FS::set_reg(SegmentSelector::NULL) };
    // SAFETY: nor through GS before `smp::install`, which comes next; the selector is not loaded again after that, as some
    // CPUs clear the base with it.
    unsafe { GS::set_reg(SegmentSelector::NULL) };
}

/// Upper ends of the stacks, for [`init`].
pub(crate) fn tops(stacks: &[Stack; Ist::ALL.len()]) -> [u64; Ist::ALL.len()] {
    stacks.each_ref().map(Stack::top)
}

/// Loads the kernel's segments on this CPU, once, with stacks that end at `stacks` for the vectors of [`Ist::ALL`], in that
/// order.
pub(crate) fn init(stacks: [u64; Ist::ALL.len()]) {
    let own = &smp::this_cpu().segments;
    let task = own.task.call_once(|| {
        let mut task = TaskStateSegment::new();
        for (ist, top) in Ist::ALL.into_iter().zip(stacks) {
            task.interrupt_stack_table[ist.slot()] = VirtAddr::new(top);
        }
        task
    });
    let (segments, selector) = own.table.call_once(|| {
        let mut segments = Segments::new();
        let selector = segments.table.append(Descriptor::tss_segment(task));
        (segments, selector)
    });
    segments.load();
    // SAFETY: the selector's task state segment was filled above, never moves, and is loaded once, by its own CPU.
    unsafe { load_tss(*selector) };
}
