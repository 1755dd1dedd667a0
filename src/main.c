/* `nexacore <command>`: a table of commands and nothing else. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/roles.h"
#include "base/cleanup.h"
#include "cli/cli.h"

#ifndef NEXACORE_VERSION
#define NEXACORE_VERSION "unknown"
#endif

static int run_role(const char *part, unsigned command, int (*run)(struct app *app), int argc,
                    char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("Usage: nexacore %s\n\nTakes no arguments; its settings are the NEXACORE_* "
               "variables that\n"
               "`nexacore --help` lists, and `nexacore doctor` says what is wrong with them.\n",
               part);
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "nexacore %s: takes no arguments (%s); settings are NEXACORE_* variables\n",
                part, argv[1]);
        return 2;
    }
    struct app *app = NULL;
    struct problem *p = app_open(part, command, &app);
    if (p) {
        fprintf(stderr, "nexacore %s: %s\n", part, p->detail);
        return 2;
    }
    int status = run(app);
    app_close(&app);
    return status;
}

static int cmd_serve(int argc, char **argv)
{
    return run_role("serve", FOR_SERVE, role_serve, argc, argv);
}

static int cmd_work(int argc, char **argv)
{
    return run_role("work", FOR_WORK, role_work, argc, argv);
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("nexacore " NEXACORE_VERSION);
    return 0;
}

static int cmd_help(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", cmd_serve, "serve the API, the web page and the live channel"},
    {"work", cmd_work, "read forms, page doctors, sync billing: the queues"},
    {"migrate", cmd_migrate, "bring the database's schema up to date"},
    {"doctor", cmd_doctor, "check settings, database, Redis, store, reader and providers"},
    {"keys", cmd_keys, "make, rotate and shred keys"},
    {"clinic", cmd_clinic, "create and list clinics"},
    {"user", cmd_user, "create and deactivate users"},
    {"read", cmd_read, "read intake forms: one JSON line each"},
    {"pan", cmd_pan, "mask card numbers in text"},
    {"triage", cmd_triage, "score complaints and vital signs"},
    {"--version", cmd_version, "print the version"},
    {"--help", cmd_help, "print this help; also help, -h"},
};

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("usage: nexacore COMMAND [OPTION...]      (nexacore COMMAND --help for its options)\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    puts("\nsettings, from the environment:");
    for (size_t i = 0; i < app_settings_count; i++) {
        const struct conf_def *d = &app_settings[i];
        printf("  %-32s %s%s%s%s\n", d->name, d->help, d->fallback ? " [" : "",
               d->fallback ? d->fallback : "", d->fallback ? "]" : "");
    }
    return 0;
}

/* A full disk must not look like success to a script. */
static int printed(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "nexacore: what was printed is not complete%s%s\n", errno ? ": " : "",
            errno ? strerror(errno) : "");
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = 2; /* as of everything that is used wrongly */
    if (argc < 2) {
        cmd_help(argc, argv);
        return 2;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0)
        return printed(cmd_help(argc, argv));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return printed(commands[i].run(argc - 1, argv + 1));
    fprintf(stderr, "nexacore: there is no command %s (see nexacore --help)\n", argv[1]);
    return 2;
}
