using Granary.Gateway.Grpc.Access;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Hosting;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Granary.Gateway.Grpc;

/// <summary>The standard health service.</summary>
internal sealed class HealthService(HealthStates states, IHostApplicationLifetime lifetime) : Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
        => states.Current.Statuses.TryGetValue(request.Service, out var status)
            ? Task.FromResult(new HealthCheckResponse { Status = status })
            : throw new RpcException(new Status(StatusCode.NotFound, $"service '{request.Service}' is not known"));

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        var stopping = lifetime.ApplicationStopping;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, stopping);
        ServingStatus? told = null;
        while (true)
        {
            // Asked first: at the stop the states may be set a moment later.
            var stops = stopping.IsCancellationRequested;
            var snapshot = states.Current;
            if (!snapshot.Statuses.TryGetValue(request.Service, out var status))
            {
                status = ServingStatus.ServiceUnknown;
            }
            else if (stops)
            {
                status = ServingStatus.NotServing;
            }

            if (status != told)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
                told = status;
            }

            if (stops)
            {
                // A stream that stayed would hold up the stop.
                throw CallErrors.Stopping();
            }

            await snapshot.Replaced.WaitAsync(ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            context.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
