"""CodeDeploy, for ECS services: applications, deployment groups, and blue/green deployments."""
