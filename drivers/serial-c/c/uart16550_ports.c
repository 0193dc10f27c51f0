/* The driver for chips behind I/O ports. */
#define UART16550_PORTS
#include "uart16550.c"
