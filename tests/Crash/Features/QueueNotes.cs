using Granary.Crash.Ledger;

namespace Granary.Crash.Features;

/// <summary>What the clients of one queue did and saw, and the rules that hold for every queue. Messages have numbers from 0, in the order in which they were sent.</summary>
internal sealed class QueueNotes(string queue, World world, Faults faults)
{
    private readonly List<Note> _notes = [];

    public string Queue => queue;

    public int Count
    {
        get
        {
            lock (world.Gate)
            {
                return _notes.Count;
            }
        }
    }

    public Note this[int number] => _notes[number];

    /// <summary>Confirmed, and not acknowledged.</summary>
    public int Owed
    {
        get
        {
            lock (world.Gate)
            {
                return _notes.Count(static note => note is { Fate: Fate.Confirmed, IsAcked: false });
            }
        }
    }

    public long Delivered { get; private set; }

    /// <summary>It is sent now.</summary>
    public int Send(Fate fate = Fate.Sent)
    {
        lock (world.Gate)
        {
            _notes.Add(new Note { SentAt = world.Now, SentRun = world.Run, Fate = fate });
            return _notes.Count - 1;
        }
    }

    public void Decide(int number, Fate fate)
    {
        lock (world.Gate)
        {
            _notes[number].Fate = fate;
        }
    }

    /// <summary>Notes a delivery.</summary>
    /// <param name="judge">What holds in this queue besides; returns what is wrong, or null.</param>
    /// <returns>False: there is no such message, or the broker that it came from is gone.</returns>
    public bool Deliver(int number, bool redelivered, object holder, Func<Note, string?>? judge = null)
    {
        lock (world.Gate)
        {
            if (holder is Hand hand && hand.Run != world.Run)
            {
                return false;
            }

            if (number < 0 || number >= _notes.Count)
            {
                faults.Add($"{queue}: {number} was delivered and never sent");
                return false;
            }

            var note = _notes[number];
            Delivered++;
            if (note.Fate is Fate.Open or Fate.Refused or Fate.RolledBack)
            {
                Fault(number, $"was delivered, though it is {note.Fate}");
            }

            if (note.Deliveries > 0 && !redelivered)
            {
                Fault(number, "was delivered again without redelivered");
            }

            if (note.Holder is not null)
            {
                Fault(number, "was delivered while somebody had it");
            }

            if (note.IsAcked && world.IsKnown(note.AckedRun, note.AckedAt))
            {
                Fault(number, $"came back after it was acknowledged in run {note.AckedRun} at {note.AckedAt} ms");
            }

            if (judge?.Invoke(note) is { } wrong)
            {
                Fault(number, wrong);
            }

            note.IsAcked = false;
            note.Deliveries++;
            note.DeliveriesInRun = note.LastRun == world.Run ? note.DeliveriesInRun + 1 : 1;
            note.LastRun = world.Run;
            note.Holder = holder;
            return true;
        }
    }

    /// <summary>It is acknowledged now, by who has it.</summary>
    public void Ack(int number, object holder) => Settle(number, holder, note => (note.IsAcked, note.AckedRun, note.AckedAt) = (true, world.Run, world.Now));

    /// <summary>It is given back now.</summary>
    public void Return(int number, object holder) => Settle(number, holder, note => note.Returns.Add((world.Run, world.Now)));

    /// <summary>It left otherwise.</summary>
    public void LetGo(int number, object holder) => Settle(number, holder, static note => note.Leaves++);

    /// <summary>Somebody leaves now, with what he has.</summary>
    public void Leave(object holder)
    {
        lock (world.Gate)
        {
            foreach (var note in _notes.Where(note => note.Holder == holder))
            {
                note.Holder = null;
                note.Leaves++;
            }
        }
    }

    /// <summary>The broker is gone: nobody has anything.</summary>
    public void EndRun()
    {
        lock (world.Gate)
        {
            foreach (var note in _notes)
            {
                note.Holder = null;
            }
        }
    }

    /// <summary>In the end: what was confirmed was acknowledged, or has come elsewhere.</summary>
    public void JudgeEnd(Predicate<int>? isElsewhere = null)
    {
        lock (world.Gate)
        {
            for (var number = 0; number < _notes.Count; number++)
            {
                if (_notes[number] is { Fate: Fate.Confirmed, IsAcked: false } && isElsewhere?.Invoke(number) != true)
                {
                    Fault(number, "is lost");
                }
            }
        }
    }

    public void Fault(int number, string what)
    {
        var note = _notes[number];
        faults.Add(
            $"{queue}, run {world.Run} at {world.Now} ms: {number} (sent in run {note.SentRun} at {note.SentAt} ms, {note.Fate}, delivered {note.Deliveries} times, returned {string.Join(", ", note.Returns)}, left {note.Leaves}) {what}");
    }

    private void Settle(int number, object holder, Action<Note> how)
    {
        lock (world.Gate)
        {
            // What a client of an earlier run says settles nothing.
            if (_notes[number] is var note && note.Holder == holder)
            {
                how(note);
                note.Holder = null;
            }
        }
    }
}
