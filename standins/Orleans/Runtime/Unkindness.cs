using System.Globalization;
using Microsoft.Extensions.Configuration;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>The dice of the unkind mode.</summary>
internal sealed class Unkindness
{
    private static readonly DeactivationReason Idle = new(DeactivationReasonCode.ActivationIdle, "Deactivated at random under a test seed.");

    private readonly UnkindOptions _options;
    private readonly Random _random;
    private readonly Lock _gate = new();

    private Unkindness(UnkindOptions options, int seed)
    {
        _options = options;
        _random = new(seed);
    }

    public static Unkindness? From(UnkindOptions options, IConfiguration? configuration)
    {
        if (options.Seed is { } seed)
        {
            return new(options, seed);
        }

        // The configuration of most hosts has the environment variables in it.
        var setting = configuration?[UnkindOptions.SeedSetting] ?? Environment.GetEnvironmentVariable(UnkindOptions.SeedSetting);
        if (string.IsNullOrEmpty(setting))
        {
            return null;
        }

        return int.TryParse(setting, NumberStyles.Integer, CultureInfo.InvariantCulture, out seed)
            ? new(options, seed)
            : throw new OrleansConfigurationException($"{UnkindOptions.SeedSetting} is \"{setting}\", which is not an integer.");
    }

    /// <summary>Whether the call is held back or lost, so that the sender has no more to do with it.</summary>
    public bool TakesOver(GrainReference reference, Call call)
    {
        double fate;
        double degree;
        lock (_gate)
        {
            fate = _random.NextDouble();
            degree = _random.NextDouble();
        }

        if (call.IsOneWay && fate < _options.OneWayLossRate)
        {
            return true;
        }

        if (!call.IsOneWay && fate < _options.LostAnswerRate)
        {
            call.AnswerLost = true;
            _ = ExpireLaterAsync(call, TimeSpan.FromMilliseconds(50 + (degree * 150)));
            return false;
        }

        if (fate > 1 - _options.ReorderRate)
        {
            _ = DeliverLaterAsync(reference, call, _options.LongestDelay * degree);
            return true;
        }

        return false;
    }

    public TimeSpan? AnswerDelay()
    {
        lock (_gate)
        {
            return _random.NextDouble() < _options.ReorderRate ? _options.LongestDelay * _random.NextDouble() : null;
        }
    }

    public void AfterTurn(Activation activation)
    {
        if (activation.Class.AgeLimit == TimeSpan.MaxValue)
        {
            return;
        }

        bool end;
        lock (_gate)
        {
            end = _random.NextDouble() < _options.DeactivationRate;
        }

        if (end)
        {
            activation.DeactivateIfIdle(Idle);
        }
    }

    private static async Task DeliverLaterAsync(GrainReference reference, Call call, TimeSpan delay)
    {
        await Task.Delay(delay).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        reference.Deliver(call);
    }

    private static async Task ExpireLaterAsync(Call call, TimeSpan delay)
    {
        // Between two activations a call has no target for a moment.
        for (var attempt = 0; attempt < 5 && !call.Expired; attempt++)
        {
            await Task.Delay(delay).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            call.Target?.Expire(call);
        }
    }
}
