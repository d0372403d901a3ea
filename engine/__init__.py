"""Memory and khugepaged, in a process of one's own.

A :class:`Machine` is a kernel with processes in virtual time.  From the outside in:

- :mod:`.machine`: the machine, its processes, its clock; :mod:`.task`: those that run;
- :mod:`.workloads`: what the processes do; :mod:`.scene`: memory described in a few words;
- :mod:`.scheduler`: threads in virtual time, without any thread of the real machine;
- :mod:`.kernel`: what all address spaces share; :mod:`.thp`: the knobs, and what they allow;
- :mod:`.khugepaged`: the daemon and its cursor; :mod:`.mm_slot`: its list of address spaces;
- :mod:`.collapse`, :mod:`.collapse_huge_page`, :mod:`.pte_scan`: looking at a range of anonymous
  memory, and moving it; :mod:`.collapse_file`: the same in the page cache;
  :mod:`.collapse_control`: what all share; :mod:`.madvise_collapse`: at a process's own request;
- :mod:`.mmap`, :mod:`.madvise`, :mod:`.fork`: what processes do to their mappings;
- :mod:`.fault` with :mod:`.anon_fault`, :mod:`.file_fault`, :mod:`.shmem`: what they touch;
- :mod:`.mm`, :mod:`.vma`, :mod:`.page_table`: address spaces, their mappings and page tables;
- :mod:`.folio`, :mod:`.memory`, :mod:`.swap`, :mod:`.memcg`, :mod:`.filemap`: pages, where they
  come from and go, who pays for them, and which files they belong to;
- :mod:`.effort`: how hard an allocation tries;
- :mod:`.smaps`, :mod:`.vmstat`: what is counted; :mod:`.tracepoints`: what can be listened to;
- :mod:`.versions`, :mod:`.scan_result`: what differs between kernels, as data.

The engine knows no files and no text formats.  It is not thread-safe: whoever calls it holds
:attr:`Machine.lock`.
"""

from engine.machine import Machine

__all__ = ["Machine"]
