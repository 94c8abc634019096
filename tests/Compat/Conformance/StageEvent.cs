using System.Text;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Conformance;

/// <summary>What the broker has sent: a method, and the message that belongs to it.</summary>
internal sealed class StageEvent(WireFrame method)
{
    private readonly MemoryStream _body = new();
    private ulong _size;

    public WireFrame Method => method;

    public WireProperties Properties { get; private set; } = new();

    public string Body => Encoding.UTF8.GetString(_body.ToArray());

    /// <summary>It was delivered before.</summary>
    public bool Redelivered { get; private set; }

    public ulong Tag { get; private set; }

    /// <summary>The consumer that it was delivered to.</summary>
    public string Consumer { get; private set; } = "";

    public string Exchange { get; private set; } = "";

    public string Key { get; private set; } = "";

    /// <summary>basic.get-ok's count of messages.</summary>
    public uint Left { get; private set; }

    /// <summary>basic.return's code and text.</summary>
    public (ushort Code, string Text) Reply { get; private set; }

    /// <summary>basic.return, basic.deliver and basic.get-ok carry a message.</summary>
    public bool HasMessage => Is(50) || Is(60) || Is(71);

    public bool IsComplete { get; private set; }

    public bool Is(ushort basicMethod) => method.Is(60, basicMethod);

    /// <summary>Reads the method's fields.</summary>
    public StageEvent Read()
    {
        var fields = method.Arguments();
        if (Is(60))
        {
            (Consumer, Tag, Redelivered, Exchange, Key) = (fields.ShortString(), fields.LongLong(), fields.Octet() != 0, fields.ShortString(), fields.ShortString());
        }
        else if (Is(71))
        {
            (Tag, Redelivered, Exchange, Key, Left) = (fields.LongLong(), fields.Octet() != 0, fields.ShortString(), fields.ShortString(), fields.Long());
        }
        else if (Is(50))
        {
            (Reply, Exchange, Key) = ((fields.Short(), fields.ShortString()), fields.ShortString(), fields.ShortString());
        }

        IsComplete = !HasMessage;
        return this;
    }

    /// <summary>Takes a header or body frame.</summary>
    public void Add(WireFrame frame)
    {
        if (frame.Type == WireFrame.HeaderType)
        {
            (_size, Properties) = WireProperties.Read(frame);
        }
        else
        {
            _body.Write(frame.Payload);
        }

        IsComplete = (ulong)_body.Length == _size;
    }

    public override string ToString() =>
        Is(60) ? $"a delivery of '{Body}' to {Consumer}"
        : Is(71) ? $"get-ok with '{Body}'"
        : Is(50) ? $"a return of '{Body}'"
        : WireClose.From(method)?.ToString() ?? method.ToString();
}
