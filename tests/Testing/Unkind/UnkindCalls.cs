using System.Reflection;
using Orleans.Concurrency;
using Orleans.Serialization.Invocation;

namespace Granary.Testing.Unkind;

/// <summary>
/// Does to the calls of Granary's own grains and observers what a cluster does to calls: they come late and so overtake each other, happen twice, get lost, or
/// happen although their caller is told that they timed out. The decisions come from the seed; which call meets which also depends on the order of calls.
/// </summary>
/// <param name="fates">What happens to each call.</param>
public sealed class UnkindCalls(Fates fates) : IIncomingGrainCallFilter
{
    /// <summary>Passes one call on, or does not.</summary>
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.InterfaceMethod?.DeclaringType is not { } called || called.Assembly.GetName().Name?.StartsWith(nameof(Granary), StringComparison.Ordinal) != true
            || fates.Meant?.Invoke(called) == false)
        {
            // The runtime's own: its timers and its membership.
            await context.Invoke();
            return;
        }

        var (fate, delay) = fates.Draw();
        if (delay > TimeSpan.Zero)
        {
            await Task.Delay(delay);
        }

        // Nobody waits for an answer of these: they get lost without a word.
        var isOneWay = context.InterfaceMethod.IsDefined(typeof(OneWayAttribute));
        if (fate == Fate.Lost)
        {
            if (isOneWay)
            {
                // A filter that passes nothing on has to answer itself.
                context.Response = Response.Completed;
                return;
            }

            throw new TimeoutException("The call was lost (unkind calls).");
        }

        await context.Invoke();
        if (fate == Fate.Twice)
        {
            await context.Request.Invoke();
        }
        else if (fate == Fate.AnswerLost && !isOneWay)
        {
            throw new TimeoutException("The answer was lost (unkind calls).");
        }
    }
}
