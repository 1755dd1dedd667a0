/* Functions this project does not call, and what to use instead.
 *
 * tools/check_banned.sh reads this list and searches every .c and .h file for calls. (It is a list
 * and not `#pragma GCC poison`, because system headers mention some of these names themselves.)
 *
 * BANNED strcpy strcat strncat stpcpy   use struct buf or arena_fmt
 * BANNED sprintf vsprintf               use buf_addf or arena_fmt
 * BANNED gets strtok                    use str_cut
 * BANNED atoi atol atoll atof           use str_u64 or strtod with its end checked
 * BANNED alloca                         use the arena
 * BANNED malloc calloc realloc strdup   use arena_alloc, struct buf or mem_new (base/mem.h)
 * BANNED system popen                   use uv_spawn or posix_spawn without a shell
 * BANNED rand srand random              use random_bytes
 */
