/*
 * Uses most of libtracefs on the huge_memory events and prints what it answers, one line each.
 *
 * With an argument it makes events through the files named inject, which most kernels lack.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event-parse.h>
#include <tracefs.h>

#define SYSTEM "huge_memory"
#define SCAN "mm_khugepaged_scan_pmd"
#define COLLAPSE "mm_collapse_huge_page"

static struct tep_handle *tep;
static bool injects;

static void say(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
}

static void say_text(const char *what, const char *text)
{
	printf("%s: %s", what, text ? text : "(none)");
	if (!text || !*text || text[strlen(text) - 1] != '\n')
		putchar('\n');
}

static void say_file(const char *what, struct tracefs_instance *instance, const char *file)
{
	char *text = tracefs_instance_file_read(instance, file, NULL);

	say_text(what, text);
	free(text);
}

static void say_event_file(const char *what, const char *event, const char *file)
{
	char *text = tracefs_event_file_read(NULL, SYSTEM, event, file, NULL);

	say_text(what, text);
	free(text);
}

static void say_list(const char *what, char **names)
{
	printf("%s:", what);
	for (int i = 0; names && names[i]; i++)
		printf(" %s", names[i]);
	putchar('\n');
}

static void inject(const char *event, const char *text)
{
	if (injects)
		tracefs_event_file_write(NULL, SYSTEM, event, "inject", text);
}

static void listing(void)
{
	char **names = tracefs_event_systems(NULL);

	for (int i = 0; names && names[i]; i++)
		if (!strcmp(names[i], SYSTEM))
			say_text("system", names[i]);
	tracefs_list_free(names);
	names = tracefs_system_events(NULL, SYSTEM);
	say_list("events", names);
	tracefs_list_free(names);
	say("nop available", tracefs_tracer_available(NULL, "nop"));
	say("mounted", tracefs_tracing_dir_is_mounted(false, NULL));
	say_text("folder", tracefs_tracing_dir());
}

static void instances(void)
{
	struct tracefs_instance *one = tracefs_instance_create("one");
	struct tracefs_instance *again = tracefs_instance_create("one");

	say("made", one && tracefs_instance_is_new(one));
	say("made again", again && tracefs_instance_is_new(again));
	say("exists", tracefs_instance_exists("one"));
	say("enable", tracefs_event_enable(one, SYSTEM, SCAN));
	say("is enabled", tracefs_event_is_enabled(one, SYSTEM, SCAN));
	say("system", tracefs_event_is_enabled(one, SYSTEM, NULL));
	say("top level", tracefs_event_is_enabled(NULL, SYSTEM, SCAN));
	say("enable all", tracefs_event_enable(one, SYSTEM, NULL));
	say("is enabled", tracefs_event_is_enabled(one, SYSTEM, NULL));
	say("enable none", tracefs_event_enable(one, SYSTEM, "nothing"));
	say_file("set_event", one, "set_event");
	say("disable", tracefs_event_disable(one, SYSTEM, SCAN));
	say("disable all", tracefs_event_disable(one, SYSTEM, NULL));
	say("disable none", tracefs_event_disable(one, SYSTEM, "nothing"));
	say("write", tracefs_instance_file_write(one, "set_event", SYSTEM ":" SCAN));
	say("append", tracefs_instance_file_append(one, "set_event", SYSTEM ":" COLLAPSE));
	say_file("set_event", one, "set_event");
	say("clear", tracefs_instance_file_clear(one, "set_event"));
	say_file("set_event", one, "set_event");
	say("write none", tracefs_instance_file_write(one, "nothing", "1"));
	say("off", tracefs_trace_off(one));
	say("is on", tracefs_trace_is_on(one));
	say("on", tracefs_trace_on(one));
	say("is on", tracefs_trace_is_on(one));
	say("set size", tracefs_instance_set_buffer_size(one, 128, 0));
	say("size of CPU 0", tracefs_instance_get_buffer_size(one, 0));
	tracefs_instance_free(again);
	say("remove", tracefs_instance_destroy(one));
	say("remove again", tracefs_instance_destroy(one));
	say("exists", tracefs_instance_exists("one"));
	tracefs_instance_free(one);
}

static void settings(void)
{
	const struct tracefs_options_mask *options;
	char *text = tracefs_get_clock(NULL);

	say_text("clock", text);
	free(text);
	say("mono", tracefs_instance_file_write(NULL, "trace_clock", "mono"));
	text = tracefs_get_clock(NULL);
	say_text("clock", text);
	free(text);
	tracefs_instance_file_write(NULL, "trace_clock", "local");

	options = tracefs_options_get_supported(NULL);
	say("sym-offset supported",
	    tracefs_option_mask_is_set(options, TRACEFS_OPTION_SYM_OFFSET));
	options = tracefs_options_get_enabled(NULL);
	say("overwrite enabled", tracefs_option_mask_is_set(options, TRACEFS_OPTION_OVERWRITE));
	say("raw enabled", tracefs_option_is_enabled(NULL, TRACEFS_OPTION_RAW));
	say("raw on", tracefs_option_enable(NULL, TRACEFS_OPTION_RAW));
	say("raw enabled", tracefs_option_is_enabled(NULL, TRACEFS_OPTION_RAW));
	say("raw off", tracefs_option_disable(NULL, TRACEFS_OPTION_RAW));

	say("set affinity", tracefs_instance_set_affinity(NULL, "0"));
	text = tracefs_instance_get_affinity(NULL);
	say_text("affinity", text);
	free(text);
	say("set affinity", tracefs_instance_set_affinity(NULL, "0-1"));
	text = tracefs_instance_get_affinity_raw(NULL);
	say_text("raw affinity", text);
	free(text);
	say("tracer", tracefs_tracer_set(NULL, TRACEFS_TRACER_NOP));
	say("no tracer", tracefs_tracer_set(NULL, TRACEFS_TRACER_CUSTOM, "nothing"));
	say("clear tracer", tracefs_tracer_clear(NULL));
}

static void filters(void)
{
	struct tep_event *event = tep_find_event_by_name(tep, SYSTEM, SCAN);
	char *filter = NULL, *error = NULL;

	tracefs_filter_string_append(event, &filter, TRACEFS_FILTER_COMPARE, "status",
				     TRACEFS_COMPARE_EQ, "4");
	tracefs_filter_string_append(event, &filter, TRACEFS_FILTER_AND, NULL, 0, NULL);
	tracefs_filter_string_append(event, &filter, TRACEFS_FILTER_COMPARE, "referenced",
				     TRACEFS_COMPARE_GT, "10");
	say_text("filter", filter);
	say("verify", tracefs_filter_string_verify(event, filter, &error));
	say("apply", tracefs_event_filter_apply(NULL, event, filter));
	say_event_file("kernel's filter", SCAN, "filter");
	say("clear", tracefs_event_filter_clear(NULL, event));
	say_event_file("kernel's filter", SCAN, "filter");
	free(filter);

	tracefs_error_clear(NULL);
	say("bad filter", tracefs_event_filter_apply(NULL, event, "nothing == 1"));
	error = tracefs_error_last(NULL);
	say_text("last error", error ? strchr(error, ']') : error);
	free(error);
	tracefs_event_filter_clear(NULL, event);
	say("bad trigger", tracefs_event_file_write(NULL, SYSTEM, SCAN, "trigger", "hist:keys=no"));
	error = tracefs_error_all(NULL);
	say("errors", error && strstr(error, "nothing") && strstr(error, "keys=no"));
	free(error);
	say("clear errors", tracefs_error_clear(NULL));
	error = tracefs_error_all(NULL);
	say_text("errors", error);
	free(error);
}

static void histograms(void)
{
	struct tracefs_hist *hist = tracefs_hist_alloc(tep, SYSTEM, SCAN, "status", 0);
	struct trace_seq seq;

	say("value", tracefs_hist_add_value(hist, "referenced"));
	say("sort", tracefs_hist_add_sort_key(hist, TRACEFS_HIST_HITCOUNT));
	say("downwards", tracefs_hist_sort_key_direction(hist, TRACEFS_HIST_HITCOUNT,
							 TRACEFS_HIST_SORT_DESCENDING));
	say("name", tracefs_hist_add_name(hist, "scans"));
	trace_seq_init(&seq);
	tracefs_hist_echo_cmd(&seq, NULL, hist, 0);
	trace_seq_terminate(&seq);
	say_text("command", seq.buffer);
	trace_seq_destroy(&seq);
	say("start", tracefs_hist_start(NULL, hist));
	say_event_file("trigger", SCAN, "trigger");
	inject(SCAN, "status=4 referenced=7");
	inject(SCAN, "status=4 referenced=5");
	inject(SCAN, "status=1 referenced=1");
	say_event_file("hist", SCAN, "hist");
	say("pause", tracefs_hist_pause(NULL, hist));
	say_event_file("trigger", SCAN, "trigger");
	say("continue", tracefs_hist_continue(NULL, hist));
	say("reset", tracefs_hist_reset(NULL, hist));
	say_event_file("hist", SCAN, "hist");
	say("destroy", tracefs_hist_destroy(NULL, hist));
	say_event_file("trigger", SCAN, "trigger");
	tracefs_hist_free(hist);
}

static void synthetic(void)
{
	struct tracefs_synth *synth;
	struct tracefs_dynevent **all;
	struct trace_seq seq;
	char *error = NULL;

	synth = tracefs_sql(tep, "collapse_time",
			    "SELECT s.status AS scan, c.status AS collapse, "
			    "(c.TIMESTAMP_USECS - s.TIMESTAMP_USECS) AS lat "
			    "FROM " SYSTEM "." SCAN " AS s JOIN " SYSTEM "." COLLAPSE " AS c "
			    "ON s.mm = c.mm WHERE s.referenced > 3", &error);
	say_text("sql", error);
	if (!synth)
		return;
	trace_seq_init(&seq);
	tracefs_synth_echo_cmd(&seq, synth);
	trace_seq_terminate(&seq);
	say_text("commands", seq.buffer);
	trace_seq_destroy(&seq);
	say("create", tracefs_synth_create(synth));
	say_file("synthetic_events", NULL, "synthetic_events");
	say_event_file("first", SCAN, "trigger");
	say_event_file("second", COLLAPSE, "trigger");
	say("complete", tracefs_synth_complete(synth));
	say("enable", tracefs_event_enable(NULL, "synthetic", "collapse_time"));
	say("known", tracefs_synth_get_event(tep, synth) != NULL);
	inject(SCAN, "mm=1 referenced=4 status=1");
	inject(COLLAPSE, "mm=1 isolated=1 status=1");
	inject(SCAN, "mm=2 referenced=2 status=1");
	inject(COLLAPSE, "mm=2 isolated=1 status=1");
	if (injects) {
		char *trace = tracefs_instance_file_read(NULL, "trace", NULL);
		char *line = trace ? strstr(trace, "collapse_time: ") : NULL;

		say_text("synthetic", line);
		free(trace);
	}
	say("disable", tracefs_event_disable(NULL, "synthetic", "collapse_time"));
	say("destroy", tracefs_synth_destroy(synth));
	say_file("synthetic_events", NULL, "synthetic_events");
	say_event_file("first", SCAN, "trigger");
	tracefs_synth_free(synth);

	say("append", tracefs_instance_file_append(NULL, "dynamic_events", "s:late int x"));
	all = tracefs_dynevent_get_all(TRACEFS_DYNEVENT_SYNTH, NULL);
	for (int i = 0; all && all[i]; i++) {
		char *system, *event, *format;

		tracefs_dynevent_info(all[i], &system, &event, NULL, NULL, &format);
		printf("dynamic event: %s %s %s\n", system, event, format);
	}
	tracefs_dynevent_list_free(all);
	say("destroy all", tracefs_dynevent_destroy_all(TRACEFS_DYNEVENT_SYNTH, true));
	say_file("dynamic_events", NULL, "dynamic_events");
}

static int on_record(struct tep_event *event, struct tep_record *record, int cpu, void *context)
{
	struct trace_seq seq;

	trace_seq_init(&seq);
	tep_print_event(tep, &seq, record, "%s %s", TEP_PRINT_NAME, TEP_PRINT_INFO);
	trace_seq_terminate(&seq);
	say_text("record", strncmp(seq.buffer, "print ", 6) ? seq.buffer : strrchr(seq.buffer, ':'));
	trace_seq_destroy(&seq);
	++*(int *)context;
	return 0;
}

static int on_follow(struct tep_event *event, struct tep_record *record, int cpu, void *context)
{
	unsigned long long status;

	if (!tep_get_field_val(NULL, event, "status", record, &status, 0))
		say("followed", (long)status);
	return 0;
}

static void records(void)
{
	int records = 0, written;

	tracefs_instance_file_clear(NULL, "trace");
	say("marker", tracefs_print_init(NULL));
	written = tracefs_printf(NULL, "number %d", 7);
	say("written", written);
	tracefs_event_enable(NULL, SYSTEM, SCAN);
	inject(SCAN, "status=5 referenced=3");
	tracefs_event_disable(NULL, SYSTEM, SCAN);
	tracefs_printf(NULL, "last\n");
	tracefs_print_close(NULL);
	say("raw marker", tracefs_binary_init(NULL));
	say("written", tracefs_binary_write(NULL, "\1\0\0\0raw", 7));
	tracefs_binary_close(NULL);
	tracefs_follow_event(tep, NULL, SYSTEM, SCAN, on_follow, NULL);
	say("iterate", tracefs_iterate_raw_events(tep, NULL, NULL, 0, on_record, &records));
	say("records", records);
	records = 0;
	say("iterate", tracefs_iterate_raw_events(tep, NULL, NULL, 0, on_record, &records));
	say("records", records);
}

int main(int argc, char **argv)
{
	const char *systems[] = { SYSTEM, "ftrace", NULL };

	injects = argc > 1;
	tep = tracefs_local_events_system(NULL, systems);
	if (!tep)
		return 1;
	listing();
	instances();
	settings();
	filters();
	histograms();
	synthetic();
	records();
	tep_free(tep);
	return 0;
}
