trace-cmd list -e huge_memory
trace-cmd list -e '^mm_khu' -F
trace-cmd list -e huge_memory -R
trace-cmd list -e huge_memory -l
trace-cmd list -C | tr ' ' '\n' | grep -v tsc2nsec
trace-cmd list -o | grep -vE 'blk_|func[-_]|funcgraph|sleep-time'
trace-cmd list -B
trace-cmd list -s | grep huge_memory
trace-cmd start -e huge_memory; cat set_event events/huge_memory/enable tracing_on
trace-cmd reset; cat set_event events/huge_memory/enable
trace-cmd start -e huge_memory:mm_khugepaged_scan_pmd -f 'status == 4' -R 'hist:keys=status if referenced > 3'; cat events/huge_memory/mm_khugepaged_scan_pmd/filter events/huge_memory/mm_khugepaged_scan_pmd/trigger; trace-cmd stat; trace-cmd reset
trace-cmd stat -t
trace-cmd start -e huge_memory:mm_khugepaged_scan_pmd -f 'nothing == 4'; cat error_log; trace-cmd stat; trace-cmd reset
trace-cmd start -e huge_memory:mm_khugepaged_scan_pmd -R hist:keys=nothing; cat error_log; trace-cmd reset; echo > error_log
trace-cmd start -e huge_memory -R stacktrace; cat events/huge_memory/*/trigger; trace-cmd reset; cat events/huge_memory/mm_collapse_huge_page/trigger
trace-cmd start -O nooverwrite -O raw -e huge_memory:mm_collapse_huge_page; cat options/overwrite options/raw; trace-cmd reset; cat options/overwrite options/raw; echo noraw > trace_options; echo overwrite > trace_options
trace-cmd start -O nothing -e huge_memory; trace-cmd reset
trace-cmd start -C mono -e huge_memory; cat trace_clock | grep -o '.mono. '; trace-cmd reset; grep -o '.local.' trace_clock
trace-cmd start -C nothing -e huge_memory; trace-cmd reset
trace-cmd start -b 128 -e huge_memory:mm_collapse_huge_page; cat buffer_size_kb; trace-cmd stat; trace-cmd reset; echo 1408 > buffer_size_kb
trace-cmd start -P 1 -e huge_memory:mm_collapse_huge_page; cat set_event_pid set_ftrace_pid; trace-cmd stat; trace-cmd reset; cat set_event_pid set_ftrace_pid
trace-cmd start -M 1 -e huge_memory:mm_collapse_huge_page; cat tracing_cpumask; trace-cmd stat; trace-cmd reset; cat tracing_cpumask
trace-cmd start -B foo -e huge_memory:mm_collapse_huge_page -B bar -e huge_memory:mm_khugepaged_scan_pmd -f status==1; ls instances; cat instances/*/set_event; trace-cmd list -B; trace-cmd stat -B foo; trace-cmd stat
trace-cmd stop -B foo; cat instances/foo/tracing_on; trace-cmd restart -B foo; cat instances/foo/tracing_on; trace-cmd show -B foo; trace-cmd clear -B foo; trace-cmd reset -B foo
ls instances; trace-cmd reset -a; trace-cmd reset -d; ls instances; trace-cmd reset -a -d; ls instances
trace-cmd start -p nop -e huge_memory; cat current_tracer; trace-cmd reset
trace-cmd start -p nothing -e huge_memory; cat current_tracer
trace-cmd stop; cat tracing_on; trace-cmd restart; cat tracing_on
trace-cmd start -e nothing
trace-cmd start -e huge_memory:nothing
trace-cmd start -e 'huge_memory:mm_k*'; cat set_event; trace-cmd reset
trace-cmd start -e huge_memory -v -e huge_memory:mm_collapse_huge_page; cat set_event; trace-cmd reset
trace-cmd start -e huge_memory --func-stack; trace-cmd reset
trace-cmd start -e huge_memory -F true; trace-cmd reset
trace-cmd set -e huge_memory:mm_collapse_huge_page; cat set_event tracing_on; trace-cmd reset
trace-cmd set -O nooverwrite; cat options/overwrite; trace-cmd reset; cat options/overwrite
trace-cmd restart; echo 1 > trace_marker; trace-cmd show; trace-cmd show -c 0 | head -1; trace-cmd clear; trace-cmd show | tail -1
echo 2 > trace_marker; timeout -s INT 0.5 trace-cmd show -p; trace-cmd show | tail -1
trace-cmd snapshot; trace-cmd snapshot -s; trace-cmd snapshot | tail -1; trace-cmd show -s | tail -1; trace-cmd snapshot -r; trace-cmd snapshot | tail -1; trace-cmd snapshot -f; trace-cmd snapshot -c 0; trace-cmd snapshot | head -3
trace-cmd show --tracing_on; trace-cmd show --current_tracer; trace-cmd show --ftrace_filter; trace-cmd show --ftrace_notrace; trace-cmd show --ftrace_pid; trace-cmd show --cpumask
trace-cmd show -c 5
trace-cmd show -f
trace-cmd show -B nothing
trace-cmd check-events 2>&1 | grep huge_memory
cat error_log set_event set_event_pid; ls instances
