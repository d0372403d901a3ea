"""Memory and khugepaged, in a process of one's own.

A :class:`Machine` is a kernel with processes in virtual time.  From the outside in:

- :mod:`.machine`: the machine, its processes, its clock;
- :mod:`.workloads`: what the processes do;
- :mod:`.scheduler`: threads in virtual time, without any thread of the real machine;
- :mod:`.kernel`: what all address spaces share;
- :mod:`.khugepaged`: the daemon, its list of address spaces, its cursor;
- :mod:`.collapse`: scanning a range and collapsing it;
- :mod:`.thp`: the knobs, and what they allow;
- :mod:`.mm`, :mod:`.vma`, :mod:`.page_table`, :mod:`.folio`: address spaces, their mappings, page
  tables, pages;
- :mod:`.scene`: memory described in a few words, and what khugepaged says about it;
- :mod:`.tracepoints`: what can be listened to; :mod:`.vmstat`: what is counted;
- :mod:`.versions`: what differs between kernels, as data.

The engine knows no files and no text formats.  It is not thread-safe: whoever calls it holds
:attr:`Machine.lock`.
"""

from engine.machine import Machine

__all__ = ["Machine"]
