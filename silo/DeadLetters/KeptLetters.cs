using Granary.Core.Links;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// Waits until all queues that a batch of letters went to are done with it, and sees which message is at which of them: those that are at all of them have arrived, and the
/// others are tried again (<see cref="DeadLetterRule.Keeps"/>).
/// </summary>
/// <param name="count">Of the letters.</param>
/// <param name="sources">The messages that they were, one after the other.</param>
/// <param name="arrived">Told, under the gate of the links, what all queues have.</param>
/// <param name="again">Told, under the same gate, what some have not.</param>
internal sealed class KeptLetters(
    string[] targets, int count, IReadOnlyList<(DeadRun Dead, DateTimeOffset At)> sources, Action<DeadRun> arrived, Action<DeadRun, DateTimeOffset> again)
{
    // By queue: which letters it has not got. Null: it has all of them.
    private readonly bool[]?[] _missing = new bool[]?[targets.Length];
    private int _left = targets.Length;

    /// <summary>What the queue at this place says.</summary>
    public IPublishOutcome Of(int target) => new OutcomeOfOne(this, target);

    private bool[] MissingAt(int target) => _missing[target] ??= new bool[count];

    private void Done()
    {
        if (--_left > 0)
        {
            return;
        }

        var at = 0;
        foreach (var (dead, diedAt) in sources)
        {
            for (int start = 0, end = 1; start < dead.Run.Count; end++)
            {
                if (end == dead.Run.Count || !AreAlike(at + start, at + end))
                {
                    End(dead with { Run = dead.Run.Part(start, end) }, diedAt, at + start);
                    start = end;
                }
            }

            at += dead.Run.Count;
        }
    }

    private bool AreAlike(int one, int other) => Array.TrueForAll(_missing, missing => missing is null || missing[one] == missing[other]);

    private void End(in DeadRun dead, DateTimeOffset at, int letter)
    {
        if (Array.TrueForAll(_missing, missing => missing?[letter] != true))
        {
            arrived(dead);
            return;
        }

        string[] have = [.. dead.Confirmed ?? [], .. targets.Where((_, target) => _missing[target]?[letter] != true)];
        again(dead with { Confirmed = have.Length > 0 ? have : null }, at);
    }

    private sealed class OutcomeOfOne(KeptLetters letters, int target) : IPublishOutcome
    {
        public void Refuse(int[] indexes)
        {
            var missing = letters.MissingAt(target);
            foreach (var index in indexes)
            {
                missing[index] = true;
            }
        }

        public void Passed() => letters.Done();

        public void Unrouted() => HasNone();

        /// <summary>After a defect only. It may have them, and then has them twice: better than not at all.</summary>
        public void Lost() => HasNone();

        private void HasNone()
        {
            Array.Fill(letters.MissingAt(target), true);
            letters.Done();
        }
    }
}
