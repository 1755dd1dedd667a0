/* The commands of `nexacore`: one function each, taking its own argv (argv[0] is the command).
 *
 * Each returns the exit status: 0 done, 1 failed, 2 misused or badly configured. */
#ifndef NEXACORE_CLI_CLI_H
#define NEXACORE_CLI_CLI_H

/* `nexacore pan [--spans]`: card numbers of stdin masked, or their spans. */
int cmd_pan(int argc, char **argv);

/* `nexacore triage score|context|replay|overlay`: the triage engine as a filter, other rules over
 * stored forms, and the rules a clinic adds. */
int cmd_triage(int argc, char **argv);

/* `nexacore read [--redacted OUT] FILE...`: what the reader makes of forms, one JSON line each. */
int cmd_read(int argc, char **argv);

/* `nexacore migrate`: applies the migrations in the binary to NEXACORE_DATABASE_URL. */
int cmd_migrate(int argc, char **argv);

/* `nexacore keys new-master|rotate|shred`. */
int cmd_keys(int argc, char **argv);

/* `nexacore clinic create|list`. */
int cmd_clinic(int argc, char **argv);

/* `nexacore doctor`: what a node needs, checked; one line each, with how to mend it. */
int cmd_doctor(int argc, char **argv);

/* `nexacore user create|deactivate`. */
int cmd_user(int argc, char **argv);

#endif
