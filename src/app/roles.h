/* The long-running roles of the binary: what `nexacore serve` and `nexacore work` run. Both return
 * the exit status: 0 after a clean stop, 2 when they refuse to start. */
#ifndef NEXACORE_APP_ROLES_H
#define NEXACORE_APP_ROLES_H

#include "app/app.h"

/* Each takes SIGTERM and SIGINT for itself and returns when it was asked to stop. */
int role_serve(struct app *app);
int role_work(struct app *app);

#endif
