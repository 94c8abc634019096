namespace Granary.Testing.Unkind;

/// <summary>What becomes of a call, or of a packet.</summary>
public enum Fate
{
    /// <summary>It arrives, once, and so does its answer.</summary>
    Kind,

    /// <summary>It never arrives.</summary>
    Lost,

    /// <summary>It arrives, and its answer does not.</summary>
    AnswerLost,

    /// <summary>It arrives two times.</summary>
    Twice,
}

/// <summary>Draws fates: the same ones in the same order for the same seed. One in eight is unkind, and one in three comes late.</summary>
/// <param name="seed">Where the drawing starts.</param>
public sealed class Fates(int seed)
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);

    /// <summary>The fate of all while it is set, for tests of the unkindness itself; how late is drawn all the same.</summary>
    public Fate? Only { get; set; }

    /// <summary>Which interfaces' calls have a fate at all; null: all have one. For tests of the unkindness itself, too: a silo makes calls by itself.</summary>
    public Func<Type, bool>? Meant { get; init; }

    /// <summary>How many were drawn.</summary>
    public int Drawn { get; private set; }

    /// <summary>The next one, and how late.</summary>
    public (Fate Fate, TimeSpan Delay) Draw()
    {
        lock (_gate)
        {
            var fate = _random.Next(100) switch
            {
                < 4 => Fate.Lost,
                < 8 => Fate.AnswerLost,
                < 12 => Fate.Twice,
                _ => Fate.Kind,
            };
            var drawn = (Only ?? fate, _random.Next(3) == 0 ? TimeSpan.FromMilliseconds(_random.Next(1, 6)) : TimeSpan.Zero);

            // Last: who waits for it may set what there is only for those that are drawn after it.
            Drawn++;
            return drawn;
        }
    }
}
