# play.sh SESSION FOLDER: runs each line of a session in the tracing folder, and says what came of it.
# In the commands, W is a folder to write to, T the tracing folder, E an event of it.
export W=$2 T=/sys/kernel/tracing E=events/huge_memory/mm_khugepaged_scan_pmd
cd $T
echo local > trace_clock
while IFS= read -r line <&3; do
    printf '$ %s\n' "$line"
    bash -c "$line" </dev/null 2>&1 3<&- || echo "[$?]"
done 3<"$1"
