using Granary.Differ.Tests.Brokers;

namespace Granary.Differ.Tests.Walk;

/// <summary>Makes a sequence smaller for as long as the brokers still disagree in the same way.</summary>
internal static class Shrinking
{
    private const int MostTries = 150;

    public static async Task<(List<Operation> Sequence, Disagreement Found)> ShrinkAsync(
        BothBrokers brokers, string vhost, List<Operation> sequence, Disagreement found, Pace pace)
    {
        var tries = 0;
        if (found.Place < sequence.Count)
        {
            await TryAsync(sequence[..(found.Place + 1)]);
        }

        for (var size = Math.Max(1, sequence.Count / 2); size >= 1; size /= 2)
        {
            for (var end = sequence.Count; end > 0; end -= size)
            {
                end = Math.Min(end, sequence.Count);
                await TryAsync([.. sequence[..Math.Max(0, end - size)], .. sequence[end..]]);
            }
        }

        for (var i = sequence.Count - 1; i >= 0; i--)
        {
            while (await IsSimplerAsync(i))
            {
            }
        }

        return (sequence, found);

        async Task<bool> IsSimplerAsync(int place)
        {
            foreach (var simpler in sequence[place].Simpler())
            {
                if (await TryAsync([.. sequence[..place], simpler, .. sequence[(place + 1)..]]))
                {
                    return true;
                }
            }

            return false;
        }

        async Task<bool> TryAsync(List<Operation> smaller)
        {
            if (++tries > MostTries || await Duel.FightAsync(brokers, vhost, smaller, pace) is not { } other || other.Sign != found.Sign)
            {
                return false;
            }

            (sequence, found) = (smaller, other);
            return true;
        }
    }
}
