/* A driver for the 16550 family of serial ports: the one of drivers/serial, in C.
 *
 * It comes twice. uart16550_* reach the chip's registers by the two functions in `struct uart16550`,
 * which get what the caller passes as `registers`. uart16550_ports_* reach them by port instructions;
 * there `registers` is the number of the first port.
 *
 * Sections are those of National Semiconductor's data sheet PC16550D (June 1995). */
#ifndef UART16550_H
#define UART16550_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart16550 {
	uint8_t (*read)(void *registers, uint8_t number);
	void (*write)(void *registers, uint8_t number, uint8_t value);
	/* How often the line status is read, without a change, before the chip is given up. */
	uint32_t patience;
	/* Bytes that fit the transmitter once it is empty. */
	uint8_t burst;
	/* The transmitter was given up and has not been seen empty since: a call polls it once only. */
	bool stuck;
	/* Error bits of the line status that a read on the way of sending took out of the chip. */
	uint8_t errors;
};

/* Why there is no chip. */
enum uart16550_absent {
	UART16550_PRESENT = 0,
	UART16550_SCRATCHPAD = 1, /* the scratchpad kept `wrote` as `read` */
	UART16550_LOOP_BACK = 2,  /* in loop-back mode `wrote` came back as `read`, or not: -1 */
};

struct uart16550_found {
	enum uart16550_absent absent;
	uint8_t wrote;
	int16_t read;
};

/* What receiving gives other than a byte. */
enum {
	UART16550_NONE = -1,
	UART16550_OVERRUN = -2,
	UART16550_PARITY = -3,
	UART16550_FRAMING = -4,
	UART16550_BREAK = -5,
};

/* Looks for a chip and sets it up: 8 data bits, no parity, 1 stop bit, FIFOs on, interrupts off. */
struct uart16550_found uart16550_start(struct uart16550 *uart, void *registers, uint16_t divisor);
struct uart16550_found uart16550_ports_start(struct uart16550 *uart, void *registers, uint16_t divisor);

/* Sends bytes in bursts of what the FIFO holds. How many went out: fewer when the transmitter is stuck. */
size_t uart16550_send(struct uart16550 *uart, void *registers, const uint8_t *bytes, size_t count);
size_t uart16550_ports_send(struct uart16550 *uart, void *registers, const uint8_t *bytes, size_t count);

/* Waits until the last bit is on the line; false when that takes longer than the patience. */
bool uart16550_flush(struct uart16550 *uart, void *registers);
bool uart16550_ports_flush(struct uart16550 *uart, void *registers);

/* The next received byte, or one of the above. */
int uart16550_receive(struct uart16550 *uart, void *registers);
int uart16550_ports_receive(struct uart16550 *uart, void *registers);

/* Whether the chip interrupts when bytes were received. */
void uart16550_interrupt(struct uart16550 *uart, void *registers, bool enabled);
void uart16550_ports_interrupt(struct uart16550 *uart, void *registers, bool enabled);

#endif
