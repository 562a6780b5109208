/* SPDX-License-Identifier: MIT */
/* The time format of every frame. Written out because gmtime_r and strftime cost more than the
 * rest of a frame together. Called by json_ktime. */
#include "proto/json_out.h"

#define MS_PER_DAY UINT64_C(86400000)
#define DAYS_PER_ERA UINT64_C(146097)     /* 400 Gregorian years */
#define DAYS_BEFORE_1970 UINT64_C(719468) /* since 0000-03-01 */

struct date {
    uint64_t year;
    unsigned month, day;
};

/* Years are counted from March, so that a leap day is the last day of its year and the lengths
 * of the months follow the line (153 m + 2) / 5. */
static struct date date_of(uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + DAYS_BEFORE_1970;
    uint64_t era = days / DAYS_PER_ERA;
    uint64_t in_era = days % DAYS_PER_ERA;
    uint64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_PER_ERA - 1)) / 365;
    uint64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint64_t from_march = (5 * in_year + 2) / 153;

    return (struct date){
        .year = era * 400 + year + (from_march >= 10),
        .month = (unsigned)(from_march < 10 ? from_march + 3 : from_march - 9),
        .day = (unsigned)(in_year - (153 * from_march + 2) / 5 + 1),
    };
}

/* At least `width` digits and the character behind them. Gives the end. */
static char *put_number(char *at, uint64_t n, size_t width, char behind)
{
    for (uint64_t rest = n, digits = 1; rest >= 10; rest /= 10) {
        digits++;
        width = digits > width ? (size_t)digits : width;
    }
    for (size_t i = width; i-- > 0; n /= 10) {
        at[i] = (char)('0' + n % 10);
    }
    at[width] = behind;
    return at + width + 1;
}

size_t iso_time(uint64_t wall_ms, char out[ISO_TIME_MAX])
{
    struct date date = date_of(wall_ms / MS_PER_DAY);
    uint64_t ms = wall_ms % MS_PER_DAY;
    char *at = out;

    at = put_number(at, date.year, 4, '-');
    at = put_number(at, date.month, 2, '-');
    at = put_number(at, date.day, 2, 'T');
    at = put_number(at, ms / 3600000, 2, ':');
    at = put_number(at, ms / 60000 % 60, 2, ':');
    at = put_number(at, ms / 1000 % 60, 2, '.');
    at = put_number(at, ms % 1000, 3, 'Z');
    *at = '\0';
    return (size_t)(at - out);
}
