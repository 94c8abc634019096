namespace Granary.Amqp;

/// <summary>An error that is answered with a close method, carrying what that method says.</summary>
/// <param name="code">The reply code.</param>
/// <param name="explanation">What follows the code's name in the reply text.</param>
/// <param name="methodId">The failing method as in <see cref="Amqp.MethodId"/>, 0 when no method caused the error.</param>
public abstract class AmqpException(ReplyCode code, string? explanation, uint methodId, Exception? inner)
    : Exception(ReplyText.Format(code, explanation), inner)
{
    public ReplyCode ReplyCode { get; } = code;

    /// <summary>The whole reply text, <c>NAME - explanation</c>, 255 bytes at most.</summary>
    public string Text => Message;

    /// <summary>The class of the failing method, 0 when no method caused the error.</summary>
    public ushort ClassId { get; } = (ushort)(methodId >> 16);

    /// <summary>The number of the failing method within its class, 0 when no method caused the error.</summary>
    public ushort MethodId { get; } = (ushort)methodId;
}
