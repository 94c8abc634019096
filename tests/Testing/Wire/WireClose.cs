namespace Granary.Testing.Wire;

/// <summary>What connection.close or channel.close said; <paramref name="Level"/> is "connection" or "channel".</summary>
public sealed record WireClose(string Level, ushort Code, string Text, ushort ClassId, ushort MethodId)
{
    /// <summary>Reads the two close methods; null for every other frame.</summary>
    public static WireClose? From(WireFrame frame)
    {
        var level = frame.Is(10, 50) ? "connection" : frame.Is(20, 40) ? "channel" : null;
        if (level is null)
        {
            return null;
        }

        var arguments = frame.Arguments();
        return new WireClose(level, arguments.Short(), arguments.ShortString(), arguments.Short(), arguments.Short());
    }
}
