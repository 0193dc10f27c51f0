/* See uart16550.h; line by line what drivers/serial/src/uart.rs does. */
#include "uart16550.h"

#ifdef UART16550_PORTS
#define NAME(name) uart16550_ports_##name
#else
#define NAME(name) uart16550_##name
#endif

enum { /* registers */
	DATA = 0,
	INTERRUPT_ENABLE = 1,
	INTERRUPT_OR_FIFO = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
	SCRATCHPAD = 7,
};

enum { /* bits of the interrupt enable register */
	IER_RECEIVED_DATA = 1 << 0,
};

enum { /* both set while the FIFOs work */
	IIR_FIFOS_ENABLED = 3 << 6,
};

enum { /* bits of the FIFO control register */
	FCR_ENABLE = 1 << 0,
	FCR_CLEAR_RECEIVER = 1 << 1,
	FCR_CLEAR_TRANSMITTER = 1 << 2,
	FCR_TRIGGER_AT_14 = 3 << 6,
};

enum { /* bits of the line control register */
	LCR_EIGHT_N_ONE = 3,
	LCR_DIVISOR_LATCH = 1 << 7,
};

enum { /* bits of the modem control register */
	MCR_DATA_TERMINAL_READY = 1 << 0,
	MCR_REQUEST_TO_SEND = 1 << 1,
	MCR_OUT_2 = 1 << 3,
	MCR_LOOP_BACK = 1 << 4,
};

enum { /* bits of the line status register */
	LSR_DATA_READY = 1 << 0,
	LSR_OVERRUN = 1 << 1,
	LSR_PARITY = 1 << 2,
	LSR_FRAMING = 1 << 3,
	LSR_BREAK = 1 << 4,
	LSR_ERRORS = LSR_OVERRUN | LSR_PARITY | LSR_FRAMING | LSR_BREAK,
	LSR_TRANSMITTER_EMPTY = 1 << 5,
	LSR_TRANSMITTER_IDLE = 1 << 6,
};

enum {
	FIFO_BYTES = 16,
	LOOP_BACK_BYTE = 0x5a,
};

#ifdef UART16550_PORTS

static inline uint8_t
get(struct uart16550 *uart, void *registers, uint8_t number)
{
	uint16_t port = (uint16_t)((uintptr_t)registers + number);
	uint8_t value;

	(void)uart;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void
put(struct uart16550 *uart, void *registers, uint8_t number, uint8_t value)
{
	uint16_t port = (uint16_t)((uintptr_t)registers + number);

	(void)uart;
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

#else

static inline uint8_t
get(struct uart16550 *uart, void *registers, uint8_t number)
{
	return uart->read(registers, number);
}

static inline void
put(struct uart16550 *uart, void *registers, uint8_t number, uint8_t value)
{
	uart->write(registers, number, value);
}

#endif

/* Reads the line status, keeping the error bits that the read clears. */
static uint8_t
line_status(struct uart16550 *uart, void *registers)
{
	uint8_t status = get(uart, registers, LINE_STATUS);

	uart->errors |= status & LSR_ERRORS;
	return status;
}

/* Waits until a line status bit is set; false when patience is over. */
static bool
poll(struct uart16550 *uart, void *registers, uint8_t bit)
{
	uint32_t polls = uart->stuck || uart->patience == 0 ? 1 : uart->patience;

	for (; polls > 0; polls--) {
		if (line_status(uart, registers) & bit)
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static void
reset_fifos(struct uart16550 *uart, void *registers)
{
	uint8_t identification;

	put(uart, registers, INTERRUPT_OR_FIFO,
	    FCR_ENABLE | FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER | FCR_TRIGGER_AT_14);
	identification = get(uart, registers, INTERRUPT_OR_FIFO);
	uart->burst = (identification & IIR_FIFOS_ENABLED) == IIR_FIFOS_ENABLED ? FIFO_BYTES : 1;
	/* Without FIFOs the clearing bits do nothing: empty the one byte that may wait, and forget old errors. */
	get(uart, registers, LINE_STATUS);
	get(uart, registers, DATA);
	uart->errors = 0;
}

static struct uart16550_found
check_scratchpad(struct uart16550 *uart, void *registers)
{
	/* They complement each other, so that a bit stuck at either level shows. */
	static const uint8_t patterns[] = {0xae, 0x51};
	size_t i;

	for (i = 0; i < sizeof patterns; i++) {
		uint8_t read;

		put(uart, registers, SCRATCHPAD, patterns[i]);
		read = get(uart, registers, SCRATCHPAD);
		if (read != patterns[i])
			return (struct uart16550_found){UART16550_SCRATCHPAD, patterns[i], read};
	}
	return (struct uart16550_found){.absent = UART16550_PRESENT};
}

static struct uart16550_found
check_loop_back(struct uart16550 *uart, void *registers)
{
	int16_t received = -1;
	int i;

	put(uart, registers, MODEM_CONTROL, MCR_LOOP_BACK);
	put(uart, registers, DATA, LOOP_BACK_BYTE);
	/* An emulated chip may let bytes from outside through even in this mode: look past what fits its FIFO. */
	for (i = 0; i <= FIFO_BYTES && received != LOOP_BACK_BYTE; i++) {
		if (!poll(uart, registers, LSR_DATA_READY))
			break;
		received = get(uart, registers, DATA);
	}
	if (received != LOOP_BACK_BYTE)
		return (struct uart16550_found){UART16550_LOOP_BACK, LOOP_BACK_BYTE, received};
	return (struct uart16550_found){.absent = UART16550_PRESENT};
}

struct uart16550_found
NAME(start)(struct uart16550 *uart, void *registers, uint16_t divisor)
{
	struct uart16550_found found;

	uart->burst = 1;
	uart->stuck = false;
	uart->errors = 0;
	found = check_scratchpad(uart, registers);
	if (found.absent != UART16550_PRESENT)
		return found;
	NAME(interrupt)(uart, registers, false);
	/* Best effort: firmware that left the transmitter stuck shows in the loop-back test. */
	poll(uart, registers, LSR_TRANSMITTER_IDLE);
	put(uart, registers, LINE_CONTROL, LCR_DIVISOR_LATCH | LCR_EIGHT_N_ONE);
	put(uart, registers, DATA, (uint8_t)divisor);
	put(uart, registers, INTERRUPT_ENABLE, (uint8_t)(divisor >> 8));
	put(uart, registers, LINE_CONTROL, LCR_EIGHT_N_ONE);
	reset_fifos(uart, registers);
	found = check_loop_back(uart, registers);
	if (found.absent != UART16550_PRESENT)
		return found;
	reset_fifos(uart, registers);
	put(uart, registers, MODEM_CONTROL, MCR_DATA_TERMINAL_READY | MCR_REQUEST_TO_SEND | MCR_OUT_2);
	return found;
}

size_t
NAME(send)(struct uart16550 *uart, void *registers, const uint8_t *bytes, size_t count)
{
	size_t sent = 0;

	while (sent < count) {
		size_t end = count - sent < uart->burst ? count : sent + uart->burst;

		uart->stuck = !poll(uart, registers, LSR_TRANSMITTER_EMPTY);
		if (uart->stuck)
			break;
		for (; sent < end; sent++)
			put(uart, registers, DATA, bytes[sent]);
	}
	return sent;
}

bool
NAME(flush)(struct uart16550 *uart, void *registers)
{
	return poll(uart, registers, LSR_TRANSMITTER_IDLE);
}

int
NAME(receive)(struct uart16550 *uart, void *registers)
{
	uint8_t status = line_status(uart, registers), byte, errors;

	if (uart->errors & LSR_OVERRUN) {
		uart->errors &= (uint8_t)~LSR_OVERRUN;
		return UART16550_OVERRUN;
	}
	if (!(status & LSR_DATA_READY))
		return UART16550_NONE;
	byte = get(uart, registers, DATA);
	errors = uart->errors;
	uart->errors = 0;
	if (errors == 0)
		return byte;
	/* A break is also a byte without a stop bit, so it comes first. */
	return errors & LSR_BREAK ? UART16550_BREAK : errors & LSR_FRAMING ? UART16550_FRAMING : UART16550_PARITY;
}

void
NAME(interrupt)(struct uart16550 *uart, void *registers, bool enabled)
{
	put(uart, registers, INTERRUPT_ENABLE, enabled ? IER_RECEIVED_DATA : 0);
}
