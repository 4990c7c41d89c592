"""A new deployment with its records: the service revision it rolls out, and the service deployment."""

from ...model import arn
from ...model.ids import decimal
from ...model.service import Service
from ...model.service_deployment import ServiceDeployment, ServiceRevision
from ...store import Reader, Transaction
from ..context import Context
from .deployment_rules import with_new_deployment
from .service_view import deployment_configuration


def deploy(ctx: Context, tx: Transaction, service: Service) -> Service:
    """The service with a new PRIMARY deployment of what it specifies; writes the records of it."""
    before = {deployment.id for deployment in service.deployments}
    sources = [r.arn for r in revisions_of(tx, service) if r.deployment_id in before]
    deployed = with_new_deployment(service, ctx.ids, ctx.now)
    revision = tx.put(_revision(ctx, deployed))
    tx.put(
        ServiceDeployment(
            arn=_arn(ctx, deployed, "service-deployment", ctx.ids.hex(20)),
            account_id=ctx.account_id,
            region=ctx.region,
            service_arn=deployed.arn,
            cluster_arn=deployed.cluster_arn,
            deployment_id=deployed.primary.id,
            target_revision_arn=revision.arn,
            source_revision_arns=tuple(sources),
            deployment_configuration=deployment_configuration(deployed),
            created_at=ctx.now,
            updated_at=ctx.now,
        )
    )
    return deployed


def revisions_of(reader: Reader, service: Service) -> list[ServiceRevision]:
    """All revisions that are known of a service, oldest first."""
    return sorted(reader.list(ServiceRevision, service_arn=service.arn), key=lambda r: r.created_at)


def _revision(ctx: Context, service: Service) -> ServiceRevision:
    return ServiceRevision(
        arn=_arn(ctx, service, "service-revision", decimal(ctx.ids, 19)),
        account_id=ctx.account_id,
        region=ctx.region,
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        deployment_id=service.primary.id,
        task_definition_arn=service.task_definition_arn,
        launch_type=service.launch_type,
        platform_version=service.platform_version,
        capacity_provider_strategy=tuple(service.extra.get("capacityProviderStrategy") or ()),
        load_balancers=service.load_balancers,
        network_configuration=service.network_configuration,
        alternate=service.primary.alternate,
        created_at=ctx.now,
    )


def _arn(ctx: Context, service: Service, kind: str, name: str) -> str:
    cluster = arn.last(service.cluster_arn)
    return arn.ecs(ctx.region, ctx.account_id, f"{kind}/{cluster}/{service.name}/{name}")
