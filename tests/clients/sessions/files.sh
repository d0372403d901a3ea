sed -i s/nop/nop/ current_tracer
sed -i s/none/foo/ $E/filter
ls -A . $E | grep -E 'sed|swp|~'
printf 'w\nq\n' | ed trace_clock
printf ',d\na\nstatus == 4\n.\nw\nq\n' | ed -s $E/filter; cat $E/filter
printf 'a\nstatus == 5\n.\nw\nq\n' | ed -s $E/filter; cat $E/filter
vim.tiny -Nu NONE -n -es -c 'normal ggdG' -c 'normal istatus == 3' -c wq $E/filter; cat $E/filter
vim.tiny -Nu NONE -es -c 'set nowritebackup nobackup' -c 'normal ggdG' -c 'normal istatus == 6' -c w! -c qa! $E/filter; cat $E/filter
vim.tiny -Nu NONE -es -c 'set backup' -c 'normal ggdG' -c 'normal istatus == 7' -c w! -c qa! $E/filter; cat $E/filter
vim.tiny -Nu NONE -es -c 'set backupcopy=no' -c 'normal ggdG' -c 'normal istatus == 8' -c w! -c qa! $E/filter; cat $E/filter
vim.tiny -Nu NONE -n -es -c %p -c qa! current_tracer
ls -A . $E | grep -E 'sed|swp|~'
echo 0 > $E/filter; cp /etc/passwd $E/foo
cp $E/format $W/format; cmp $E/format $W/format && wc -l < $W/format
touch nothing
touch trace
mv trace foo
mv instances foo
rm trace
rm -rf options/raw per_cpu/cpu0
rmdir events/huge_memory
mkdir foo; mkdir events/foo; mkdir events/huge_memory/foo; mkdir options/foo; mkdir per_cpu/cpu9
ln -s trace foo
ln trace foo
ln /etc/passwd foo
mknod foo p
chmod 600 trace; stat -c %a trace; chmod 640 trace; stat -c %a trace
chown 1 trace; stat -c %u trace; chown 0 trace
stat -c '%n %s %b %B %h %F' trace options instances per_cpu events/huge_memory $E
truncate -s 0 trace; truncate -s 0 events/enable; truncate -s 0 README
install -m 600 /etc/passwd trace2
mkdir instances/a; mv instances/a instances/b; ls instances; mkdir -p instances/x/y; rmdir instances/x; touch instances/f; mkdir instances/a instances/a; rmdir instances/nothing; rmdir instances/a
dd if=trace bs=7 skip=1 count=1; dd if=/dev/zero of=trace bs=10 count=1; dd if=/dev/zero of=README bs=10 count=1
cp README $W/x; cp $W/x trace_clock; cut -c 1-8 trace_clock
tee trace_clock <<< global; cut -c 1-14 trace_clock; tee trace_clock <<< nothing; echo local | tee trace_clock
sort -o current_tracer current_tracer; cat current_tracer
for i in 1 2 3; do echo line $i > trace_marker; done; less trace; less -F trace | tail -1; busybox more trace | tail -1
tail -n 2 trace; tail -c 7 trace; tail -n +12 trace; head -c 9 trace; head -n -3 trace | tail -1; head -2 trace
grep -c line trace; grep -q line trace && echo yes; grep -r nop . --include=current_tracer; grep -l line trace
awk '/line/ {n++} END {print n}' trace; python3 -c 'print(sum("line" in line for line in open("trace")))'
busybox grep -c line trace; busybox tail -n 1 trace; busybox wc -l trace; busybox awk '/line 2/' trace; busybox cat current_tracer
timeout 0.5 cat trace_pipe; timeout 0.5 tail -f trace_pipe
echo more > trace_marker; timeout 0.5 head -n 1 trace_pipe
echo z > trace_marker; timeout 2 grep -m 1 z trace_pipe
echo z > trace_marker; timeout 0.5 less trace_pipe
echo z > trace_marker; timeout 2 dd if=trace_pipe bs=4096 count=1 status=none; dd if=trace_pipe iflag=nonblock bs=4096 count=1 status=none
echo z > trace_marker; timeout 0.5 cp trace_pipe $W/pipe; cat $W/pipe
echo z > trace_marker; timeout 2 bash -c 'read -r line < trace_pipe; echo "$line"'
echo z > trace_marker; timeout 2 dash -c 'read -r line < trace_pipe; echo "$line"'
echo z > trace_marker; timeout 2 busybox sh -c 'read -r line < trace_pipe; echo "$line"'
dash -c 'echo nothing > trace_clock'; busybox sh -c 'echo nothing > trace_clock'; bash -c 'echo nothing > trace_clock'; bash -c 'printf "nothing" >> trace_clock'
dash -c 'echo nop > current_tracer && cat current_tracer'; busybox ash -c 'read -r x < current_tracer; echo $x'; bash -c 'echo $(<current_tracer); mapfile -t l < current_tracer; echo ${l[0]}'
bash -c 'set -C; echo nop > current_tracer'; bash -c 'exec 3<> current_tracer; cat <&3; echo nop >&3'; echo 1 > nothing
cmp trace per_cpu/cpu0/trace; diff per_cpu/cpu0/stats per_cpu/cpu0/stats && echo same
find . -maxdepth 1 -size +0; find . -maxdepth 1 -empty -type d; find events/huge_memory -name format | wc -l; ls -s trace
xxd events/header_page | head -2; od -c events/header_event | head -2
