using System.Diagnostics;
using Granary.Crash.Ledger;
using Granary.Crash.Load;

namespace Granary.Crash.TakeOvers;

/// <summary>What the clients of one queue did and saw, and what is wrong with that.</summary>
internal sealed class QueueNotes(string name, Faults faults)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);
    private readonly Lock _gate = new();
    private readonly Dictionary<ushort, List<Note>> _sent = [];
    private readonly Dictionary<ushort, uint> _fences = [];
    private bool _wasConsumed;

    public string Name => name;

    /// <summary>Messages that were confirmed.</summary>
    public int Confirmed => Locked(() => _sent.Values.Sum(notes => notes.Count(note => note.Fate == Fate.Confirmed)));

    public MessageId Send(ushort publisher, int size)
    {
        lock (_gate)
        {
            if (!_sent.TryGetValue(publisher, out var notes))
            {
                _sent[publisher] = notes = [];
            }

            notes.Add(new Note(size, Stopwatch.GetTimestamp()));
            return new MessageId(publisher, (uint)notes.Count);
        }
    }

    /// <summary>The broker said what became of a message. No queue here may refuse any.</summary>
    public void Decide(MessageId id, Fate fate)
    {
        lock (_gate)
        {
            var note = Find(id)!;
            (note.Fate, note.DecidedAt) = (fate, Stopwatch.GetTimestamp());
            if (fate == Fate.Refused)
            {
                faults.Add($"{name}: message {id} was refused");
            }

            if (_fences.TryGetValue(id.Publisher, out var last) && id.Number > last)
            {
                faults.Add($"{name}: message {id} was confirmed by the node that had lost the queue before it was published");
            }
        }
    }

    /// <summary>Another node has confirmed something since it took the queue over: nothing that this publisher publishes from now on may be confirmed.</summary>
    public void Fence(ushort publisher) => Locked(() => _fences[publisher] = Sent(publisher));

    /// <summary>How many messages the publisher has published.</summary>
    public uint CountSent(ushort publisher) => Locked(() => Sent(publisher));

    /// <summary>Waits until a message with a higher number than this one is confirmed.</summary>
    public Task<bool> WaitConfirmedBeyondAsync(ushort publisher, uint number, TimeSpan limit) =>
        WaitAsync(() => _sent.TryGetValue(publisher, out var notes) && notes.FindLastIndex(note => note.Fate == Fate.Confirmed) >= (int)number, limit);

    public Task<bool> WaitConfirmedAsync(int count, TimeSpan limit) => WaitAsync(() => Confirmed >= count, limit);

    /// <summary>From the publishing of a message to its confirm.</summary>
    public TimeSpan TimeToConfirm(MessageId id) => Locked(() => Stopwatch.GetElapsedTime(Find(id)!.SentAt, Find(id)!.DecidedAt));

    /// <summary>A consumer from before the take-over has it.</summary>
    public void See(MessageId id) => Locked(() =>
    {
        _wasConsumed = true;
        if (Find(id) is { } note)
        {
            note.IsSeen = true;
        }
    });

    /// <summary>The consumer acknowledges it now.</summary>
    public void Ack(MessageId id) => Locked(() =>
    {
        if (Find(id) is { } note)
        {
            note.IsAcked = true;
        }
    });

    /// <summary>Judges all that was in the queue at the end, in the order in which it came.</summary>
    /// <param name="mayForgetAcks">The node that was told of acknowledgements has lost the queue.</param>
    public void Judge(IReadOnlyList<Drained> drained, bool mayForgetAcks)
    {
        lock (_gate)
        {
            var last = new Dictionary<ushort, uint>();
            foreach (var (id, size, redelivered) in drained)
            {
                if (Find(id) is not { } note || note.Size != size)
                {
                    faults.Add($"{name}: message {id} with {size} bytes was delivered and never sent");
                    continue;
                }

                void Fault(string what) => faults.Add($"{name}: message {id} ({note}) {what}");
                if (id.Number <= last.GetValueOrDefault(id.Publisher))
                {
                    Fault($"came after number {last[id.Publisher]}");
                }

                if (note.Fate == Fate.Refused)
                {
                    Fault("was delivered");
                }

                if (note.IsSeen && !redelivered)
                {
                    Fault("was delivered again without redelivered");
                }
                else if (redelivered && !_wasConsumed)
                {
                    Fault("was delivered as redelivered, though there was no consumer before");
                }

                if (note.IsAcked && !mayForgetAcks)
                {
                    Fault("came back after its acknowledgement");
                }

                last[id.Publisher] = id.Number;
                note.IsFound = true;
            }

            foreach (var (publisher, notes) in _sent)
            {
                for (var i = 0; i < notes.Count; i++)
                {
                    if (notes[i] is { Fate: Fate.Confirmed, IsAcked: false, IsFound: false } lost)
                    {
                        faults.Add($"{name}: message {new MessageId(publisher, (uint)i + 1)} ({lost}) is lost");
                    }
                }
            }
        }
    }

    private uint Sent(ushort publisher) => _sent.TryGetValue(publisher, out var notes) ? (uint)notes.Count : 0;

    private Note? Find(MessageId id) =>
        _sent.TryGetValue(id.Publisher, out var notes) && id.Number > 0 && id.Number <= notes.Count ? notes[(int)id.Number - 1] : null;

    private async Task<bool> WaitAsync(Func<bool> condition, TimeSpan limit)
    {
        var since = Stopwatch.GetTimestamp();
        while (!Locked(condition))
        {
            if (Stopwatch.GetElapsedTime(since) > limit)
            {
                return false;
            }

            await Task.Delay(Poll);
        }

        return true;
    }

    private void Locked(Action change)
    {
        lock (_gate)
        {
            change();
        }
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }

    private sealed record Note(int Size, long SentAt)
    {
        public Fate Fate { get; set; } = Fate.Sent;

        public long DecidedAt { get; set; }

        public bool IsSeen { get; set; }

        public bool IsAcked { get; set; }

        public bool IsFound { get; set; }
    }
}

/// <summary>A message as it was delivered when the queue was emptied.</summary>
internal readonly record struct Drained(MessageId Id, int Size, bool Redelivered);
