using System.Globalization;
using Granary.Amqp;
using Granary.Core;
using Granary.Gateway.Grpc.Publishing;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Access;

/// <summary>AMQP's errors as gRPC statuses: the reply text is the message, the reply code a trailer.</summary>
internal static class CallErrors
{
    public const string ReplyCodeTrailer = "granary-reply-code";

    public static RpcException From(AmqpException error) => Of(StatusOf(error.ReplyCode), error.ReplyCode, error.Text);

    /// <summary>What is out of reach now may not be so soon: a client that tries again may do better.</summary>
    public static RpcException From(BrokerError error) =>
        error.IsOutOfReach ? Of(StatusCode.Unavailable, error.Code, ReplyText.Format(error.Code, error.Explanation)) : Of(error.Code, error.Explanation);

    public static RpcException Of(ReplyCode code, string? explanation = null) => Of(StatusOf(code), code, ReplyText.Format(code, explanation));

    /// <summary>With another status than the code's own.</summary>
    public static RpcException Of(StatusCode status, ReplyCode code, string text) =>
        new(new Status(status, text), new Metadata { { ReplyCodeTrailer, ((int)code).ToString(CultureInfo.InvariantCulture) } });

    /// <summary>A queue refused the message. AMQP has no reply code for that: it is a nack.</summary>
    private static RpcException Refused() => new(new Status(StatusCode.ResourceExhausted, "a queue refused the message"));

    public static RpcException Stopping() => Of(ReplyCode.ConnectionForced, "broker forced connection closure with reason 'shutdown'");

    /// <summary>Published, and nobody can say whether the queue has it.</summary>
    public static RpcException QueueLost() => Of(
        ReplyCode.ConnectionForced, "a queue that was published to is served by another node now, and whether it has the message is not known");

    /// <summary>For requests that say what cannot be meant (502).</summary>
    public static AmqpChannelException Invalid(string explanation) => new(ReplyCode.SyntaxError, explanation);

    /// <summary>A request that is no protobuf message (502).</summary>
    public static RpcException Malformed(string explanation) => Of(ReplyCode.SyntaxError, $"the request is malformed: {explanation}");

    public static AmqpChannelException Precondition(string explanation) => new(ReplyCode.PreconditionFailed, explanation);

    public static void ThrowIf(BrokerError? error)
    {
        if (error is not null)
        {
            throw From(error);
        }
    }

    /// <summary>Nothing when the message was accepted, or reached no queue without anybody minding.</summary>
    public static void ThrowIf(PublishOutcome outcome, bool isMandatory)
    {
        if (outcome == PublishOutcome.Refused)
        {
            throw Refused();
        }

        if (outcome == PublishOutcome.Unrouted && isMandatory)
        {
            throw Of(ReplyCode.NoRoute);
        }
    }

    private static StatusCode StatusOf(ReplyCode code) => code switch
    {
        ReplyCode.AccessRefused => StatusCode.PermissionDenied,
        ReplyCode.NotFound or ReplyCode.NoRoute or ReplyCode.NoConsumers => StatusCode.NotFound,
        ReplyCode.ResourceLocked or ReplyCode.PreconditionFailed or ReplyCode.NotAllowed => StatusCode.FailedPrecondition,
        ReplyCode.ContentTooLarge or ReplyCode.ResourceError => StatusCode.ResourceExhausted,
        ReplyCode.NotImplemented => StatusCode.Unimplemented,
        ReplyCode.ConnectionForced => StatusCode.Unavailable,
        ReplyCode.InternalError => StatusCode.Internal,
        _ => StatusCode.InvalidArgument,
    };
}
