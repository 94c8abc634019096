using System.Globalization;

namespace Granary.Silo.Queues.Browsing;

/// <summary>A place in the order of a queue's ready messages, whether or not a message is there (any more).</summary>
/// <param name="Rank">Of the run of offsets that it is in: messages of a higher one stand before it.</param>
internal readonly record struct BrowsePlace(int Rank, long Offset)
{
    /// <summary>Before all others.</summary>
    public static readonly BrowsePlace Start = new(int.MaxValue, -1);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Rank}-{Offset}");

    /// <param name="text">Empty: the start.</param>
    public static bool TryParse(string text, out BrowsePlace place)
    {
        place = Start;
        if (text.Length == 0)
        {
            return true;
        }

        if (text.Split('-') is not [var rank, var offset]
            || !int.TryParse(rank, NumberStyles.None, CultureInfo.InvariantCulture, out var lane) || !long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var at))
        {
            return false;
        }

        place = new BrowsePlace(lane, at);
        return true;
    }
}
