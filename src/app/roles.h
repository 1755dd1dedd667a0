/* The long-running roles of the binary: what `nexacore serve` and `nexacore work` run. Both return
 * the exit status: 0 after a clean stop, 2 when they refuse to start. */
#ifndef NEXACORE_APP_ROLES_H
#define NEXACORE_APP_ROLES_H

#include "app/app.h"

int serve_run(struct app *app);
int work_run(struct app *app);

#endif
