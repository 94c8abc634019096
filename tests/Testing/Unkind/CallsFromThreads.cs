using Granary.Core.Threads;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Granary.Testing.Unkind;

/// <summary>Logs an error, which fails the test, for each call of Granary's grains that begins on a thread of <see cref="OwnThread"/>.</summary>
public sealed partial class CallsFromThreads(ILogger<CallsFromThreads> log) : IOutgoingGrainCallFilter
{
    /// <summary>Passes one call on.</summary>
    public Task Invoke(IOutgoingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!OwnThread.Leave().IsCompleted
            && context.InterfaceMethod is { DeclaringType: { } type } method
            && type.Assembly.GetName().Name!.StartsWith(nameof(Granary), StringComparison.Ordinal)
            && !method.IsDefined(typeof(OneWayAttribute), inherit: false))
        {
            LogFromOwnThread(method.Name, type.Name, Thread.CurrentThread.Name);
        }

        return context.Invoke();
    }

    [LoggerMessage(9901, LogLevel.Error, "{Interface}.{Method} was called from the thread '{Thread}': what holds the answer stays for good")]
    private partial void LogFromOwnThread(string method, string @interface, string? thread);
}
