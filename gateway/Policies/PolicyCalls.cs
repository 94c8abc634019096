using Granary.Core.Grains;
using Granary.Core.Policies;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Policies;

/// <summary>
/// What operators ask of policies and parameters. A call that is not answered is made again, for it may have been on its way to a silo that was lost: changes say how
/// things are to be, so they may be made twice. What is missing when it is deleted again was deleted by the call whose answer was lost.
/// </summary>
internal sealed partial class PolicyCalls(IGrainFactory grains, TimeProvider clock, ILogger<PolicyCalls> log)
{
    /// <summary>Longer than it takes until policies are somewhere else when a silo is lost, and than a change waits for a process that is silent.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <exception cref="TimeoutException">Nobody answered.</exception>
    public async ValueTask<IReadOnlyList<Policy>> ListPoliciesAsync() =>
        [.. (await AskAsync(static grain => grain.ReadAsync()).ConfigureAwait(false)).Entries.Select(static entry => entry.Policy).OfType<Policy>()];

    /// <inheritdoc cref="ListPoliciesAsync"/>
    public async ValueTask<IReadOnlyList<Parameter>> ListParametersAsync() =>
        [.. (await AskAsync(static grain => grain.ReadAsync()).ConfigureAwait(false)).Entries.Select(static entry => entry.Parameter).OfType<Parameter>()];

    /// <inheritdoc cref="ListPoliciesAsync"/>
    public async ValueTask PutAsync(Policy[] policies, Parameter[] parameters) => await AskAsync(async grain =>
    {
        await grain.PutAsync(policies, parameters).ConfigureAwait(false);
        return true;
    }).ConfigureAwait(false);

    /// <returns>False: there was none.</returns>
    /// <inheritdoc cref="ListPoliciesAsync"/>
    public ValueTask<bool> DeletePolicyAsync(string vhost, string name, bool isOperator) => DeleteAsync(grain => grain.DeletePolicyAsync(vhost, name, isOperator));

    /// <returns>False: there was none.</returns>
    /// <inheritdoc cref="ListPoliciesAsync"/>
    public ValueTask<bool> DeleteParameterAsync(string? vhost, string component, string name) => DeleteAsync(grain => grain.DeleteParameterAsync(vhost, component, name));

    private async ValueTask<bool> DeleteAsync(Func<IPolicyGrain, ValueTask<bool>> call)
    {
        var tries = 0;
        var wasThere = await AskAsync(grain =>
        {
            tries++;
            return call(grain);
        }).ConfigureAwait(false);
        return wasThere || tries > 1;
    }

    private ValueTask<T> AskAsync<T>(Func<IPolicyGrain, ValueTask<T>> call) =>
        PatientCall.AskAsync(() => call(grains.Policies()), clock, Patience, LogAgain, CancellationToken.None);

    [LoggerMessage(1662, LogLevel.Debug, "Policies and parameters did not answer an operator; they are asked again")]
    private partial void LogAgain(Exception exception);
}
