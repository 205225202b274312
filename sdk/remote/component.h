/* The sampler's names. */
#ifndef TELLTALE_SDK_REMOTE_COMPONENT_H
#define TELLTALE_SDK_REMOTE_COMPONENT_H

/* Registers them; part of tt_otlp_register. */
int remote_register(void);

#endif
