using Granary.Core.Grains;

namespace Granary.Testing.Unkind;

/// <summary>
/// Does to the calls of Granary's own grains and observers what a cluster does to calls: they come late and so overtake each other, happen twice, get lost, or
/// happen although their caller is told that they timed out. The decisions come from the seed; which call meets which also depends on the order of calls.
/// </summary>
/// <param name="seed">The same seed makes the same decisions in the same order.</param>
public sealed class UnkindCalls(int seed) : IIncomingGrainCallFilter
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);

    /// <summary>Passes one call on, or does not.</summary>
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.InterfaceMethod?.DeclaringType?.Assembly != typeof(IQueueGrain).Assembly)
        {
            await context.Invoke();
            return;
        }

        var (fate, delay) = Draw();
        if (delay > TimeSpan.Zero)
        {
            await Task.Delay(delay);
        }

        if (fate == Fate.Lost)
        {
            throw new TimeoutException("The call was lost (unkind calls).");
        }

        await context.Invoke();
        if (fate == Fate.Twice)
        {
            await context.Request.Invoke();
        }
        else if (fate == Fate.AnswerLost)
        {
            throw new TimeoutException("The answer was lost (unkind calls).");
        }
    }

    private (Fate Fate, TimeSpan Delay) Draw()
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
            return (fate, _random.Next(3) == 0 ? TimeSpan.FromMilliseconds(_random.Next(1, 6)) : TimeSpan.Zero);
        }
    }

    private enum Fate
    {
        Kind,
        Lost,
        AnswerLost,
        Twice,
    }
}
