using Granary.Core.Messages;

namespace Granary.Core.Members;

/// <summary>Where direct replies from other members arrive, in a process that has clients.</summary>
public interface IReplyDesk
{
    /// <inheritdoc cref="IMemberService.PostAsync"/>
    ReplyReceipt Take(string from, long number, in MessageBatch replies);

    /// <inheritdoc cref="IMemberService.IsWaitingAsync"/>
    bool IsWaiting(string address);
}
