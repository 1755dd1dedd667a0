/* The commands of `nexacore`: one function each, taking its own argv (argv[0] is the command).
 *
 * Each returns the exit status: 0 done, 1 failed, 2 misused or badly configured. */
#ifndef NEXACORE_CLI_CLI_H
#define NEXACORE_CLI_CLI_H

/* `nexacore pan [--spans]`: card numbers of stdin masked, or their spans. */
int cmd_pan(int argc, char **argv);

/* `nexacore triage score|context`: the triage engine as a filter. */
int cmd_triage(int argc, char **argv);

#endif
